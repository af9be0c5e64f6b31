//! What each client wants to be told, and where it reads it.

use std::path::PathBuf;

use super::{Client, Edit, Form, Plan, Setting, SettingKind, settings, uv};
use crate::config::Surroundings;
use crate::config::upstream::Address;

/// The gateway's addresses for one repository.
pub(super) struct Gateway {
    pub(super) address: Address,
    pub(super) npm: String,
    pub(super) simple: String,
    pub(super) upload: String,
    pub(super) maven: String,
}

impl Gateway {
    pub(super) fn new(address: Address, repository: &str) -> Self {
        let base = &address.url;
        Gateway {
            npm: format!("{base}npm/{repository}/"),
            simple: format!("{base}pypi/{repository}/simple/"),
            upload: format!("{base}pypi/{repository}/"),
            maven: format!("{base}maven/{repository}/"),
            address,
        }
    }

    fn is_plain(&self) -> bool {
        self.address.url.starts_with("http://")
    }

    /// Plain http to another machine: what several clients want to be told expressly.
    pub(super) fn is_plain_and_away(&self) -> bool {
        self.is_plain() && !self.address.is_loopback()
    }
}

pub(super) fn plan(client: Client, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    let plan = Plan {
        client,
        edits: Vec::new(),
        commands: Vec::new(),
        notes: Vec::new(),
    };
    match client {
        Client::Npm | Client::Pnpm => npm(plan, gateway, surroundings),
        Client::Yarn => yarn(plan, gateway, surroundings),
        Client::Pip => pip(plan, gateway, surroundings),
        Client::Uv => uv_index(plan, gateway, surroundings),
        Client::Poetry => poetry(plan, gateway),
        Client::Twine => twine(plan, gateway, surroundings),
        Client::Maven => maven(plan, gateway, surroundings),
        Client::Gradle => gradle(plan, gateway, surroundings),
    }
}

fn npm(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    let line = format!("registry={}", gateway.npm);
    plan.edits.push(lines(
        surroundings.home.join(".npmrc"),
        vec![single(None, "registry", &gateway.npm, line)],
    ));
    let place = gateway.npm.split_once(':').map_or("", |(_, rest)| rest);
    plan.notes.push(format!(
        "a token goes into the same file: {place}:_authToken=…"
    ));
    plan
}

fn yarn(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    let line = format!("registry \"{}\"", gateway.npm);
    plan.edits.push(lines(
        surroundings.home.join(".yarnrc"),
        vec![single(None, "registry", &gateway.npm, line)],
    ));
    let line = format!("npmRegistryServer: \"{}\"", gateway.npm);
    let mut berry = vec![single(None, "npmRegistryServer", &gateway.npm, line)];
    if gateway.is_plain() {
        // Yarn refuses plain http to every host that is not listed, loopback included.
        let host = &gateway.address.host;
        berry.push(Setting {
            section: None,
            key: "unsafeHttpWhitelist",
            value: host.clone(),
            line: format!("unsafeHttpWhitelist: [\"{host}\"]"),
            kind: SettingKind::Listed,
        });
    }
    plan.edits
        .push(lines(surroundings.home.join(".yarnrc.yml"), berry));
    plan.notes
        .push(".yarnrc is for Yarn 1, .yarnrc.yml for Yarn 2 and later".to_owned());
    plan.notes
        .push("a project's own .yarnrc.yml goes before the one in the home folder".to_owned());
    plan
}

fn pip(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    let global = Some("global");
    let line = format!("index-url = {}", gateway.simple);
    let mut added = vec![single(global, "index-url", &gateway.simple, line)];
    if let Some(trusted) = trusted_host(gateway) {
        added.push(trusted);
        plan.notes
            .push("pip takes plain http from another machine only if trusted".to_owned());
    }
    plan.edits.push(lines(
        surroundings.config_home().join("pip/pip.conf"),
        added,
    ));
    plan.notes
        .push("PIP_INDEX_URL, where set, goes before the file".to_owned());
    plan
}

/// What pip wants to be told of plain http to another machine.
pub(super) fn trusted_host(gateway: &Gateway) -> Option<Setting> {
    let host = gateway.address.host.clone();
    gateway.is_plain_and_away().then(|| Setting {
        section: Some("global"),
        key: "trusted-host",
        line: format!("trusted-host = {host}"),
        value: host,
        kind: SettingKind::ListedInLines,
    })
}

fn uv_index(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    plan.edits.push(Edit {
        file: surroundings.config_home().join("uv/uv.toml"),
        text_to_add: uv::index(&gateway.simple, &gateway.upload),
        form: Form::UvIndex {
            url: gateway.simple.clone(),
        },
    });
    plan.notes
        .push("to publish: uv publish --index portcullis".to_owned());
    plan.notes
        .push("a [[index]] of a project's own goes before this one".to_owned());
    plan
}

fn poetry(mut plan: Plan, gateway: &Gateway) -> Plan {
    plan.commands = vec![
        format!(
            "poetry source add --priority=primary portcullis {}",
            gateway.simple
        ),
        format!("poetry config repositories.portcullis {}", gateway.upload),
    ];
    plan.notes
        .push("Poetry keeps sources per project: run the first in each project".to_owned());
    plan.notes
        .push("to publish: poetry publish --repository portcullis".to_owned());
    plan
}

fn twine(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    let section = Some("portcullis");
    let repository = format!("repository = {}", gateway.upload);
    let username = "username = __token__".to_owned();
    plan.edits.push(lines(
        surroundings.home.join(".pypirc"),
        vec![
            twine_servers(),
            single(section, "repository", &gateway.upload, repository),
            single(section, "username", "__token__", username),
        ],
    ));
    plan.notes
        .push("to publish: twine upload -r portcullis dist/*".to_owned());
    plan.notes
        .push("the token is asked for, or comes from TWINE_PASSWORD".to_owned());
    plan
}

/// Only listed servers are read. `pypi` needs no section of its own to stay usable.
pub(super) fn twine_servers() -> Setting {
    Setting {
        section: Some("distutils"),
        key: "index-servers",
        value: "portcullis".to_owned(),
        line: "index-servers =\n    pypi\n    portcullis".to_owned(),
        kind: SettingKind::ListedInLines,
    }
}

fn maven(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    plan.edits.push(Edit {
        file: surroundings.home.join(".m2/settings.xml"),
        text_to_add: settings::new_file(&gateway.maven),
        form: Form::MavenMirror {
            url: gateway.maven.clone(),
        },
    });
    if gateway.is_plain_and_away() {
        plan.notes.push(
            "Maven 3.8.1 and later block plain http to other machines: its own settings.xml has a \
             mirror for external:http:*; serve the gateway over https"
                .to_owned(),
        );
    }
    plan.notes
        .push("to deploy: <distributionManagement> with this address".to_owned());
    plan
}

fn gradle(mut plan: Plan, gateway: &Gateway, surroundings: &Surroundings) -> Plan {
    let home = surroundings.variable("GRADLE_USER_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| surroundings.home.join(".gradle"));
    plan.edits.push(Edit {
        file: home.join("init.d/portcullis.gradle"),
        text_to_add: GRADLE.replace("ADDRESS", &gateway.maven),
        form: Form::Whole,
    });
    plan.notes.push(
        "mavenCentral() goes to the gateway in every build; other repositories that a build \
         declares (such as the plugin portal) are left as they are"
            .to_owned(),
    );
    plan
}

/// Only Maven Central is exchanged, which Gradle calls `MavenRepo`: whatever else a build declares
/// holds other packages.
const GRADLE: &str = r#"// Written by `portcullis setup gradle`: mavenCentral() goes to the gateway.
def gateway = new URI('ADDRESS')

def exchange = { repositories ->
    repositories.withType(MavenArtifactRepository).all { repository ->
        if (repository.name.startsWith('MavenRepo') && repository.url != gateway) {
            if (gateway.scheme == 'http') {
                repository.allowInsecureProtocol = true
            }
            repository.url = gateway
        }
    }
}

beforeSettings { settings ->
    exchange(settings.pluginManagement.repositories)
    exchange(settings.buildscript.repositories)
}
settingsEvaluated { settings ->
    if (settings.hasProperty('dependencyResolutionManagement')) {
        exchange(settings.dependencyResolutionManagement.repositories)
    }
}
allprojects {
    exchange(buildscript.repositories)
    exchange(repositories)
}
"#;

fn single(section: Option<&'static str>, key: &'static str, value: &str, line: String) -> Setting {
    Setting {
        section,
        key,
        value: value.to_owned(),
        line,
        kind: SettingKind::Single,
    }
}

/// The text of a new file is that of all settings, each section once.
fn lines(file: PathBuf, settings: Vec<Setting>) -> Edit {
    let mut text_to_add = String::new();
    let mut section = None;
    for setting in &settings {
        if setting.section != section {
            let gap = if text_to_add.is_empty() { "" } else { "\n" };
            text_to_add.push_str(&format!("{gap}[{}]\n", setting.section.unwrap_or("")));
            section = setting.section;
        }
        text_to_add.push_str(&setting.line);
        text_to_add.push('\n');
    }
    Edit {
        file,
        text_to_add,
        form: Form::Lines(settings),
    }
}
