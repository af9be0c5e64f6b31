//! `portcullis login`: gives a client a token, as people know it from CodeArtifact.
//!
//! What holds a token is readable by its owner alone. Entries of this very gateway are replaced,
//! for tokens end and are renewed; whatever else a user has stays, and an address of another
//! registry makes [`super::apply`] refuse, as in set-up.
//!
//! pip's token stands in `index-url`, not in `.netrc`: there it would be sent by every program to
//! every port of the host. Clients whose files can't be extended safely, or that keep tokens in a
//! project, are told the variables; these name `$PORTCULLIS_TOKEN`, so that no secret is printed.

use super::clients::{Gateway, trusted_host, twine_servers};
use super::entries::{Dialect, Entries, Entry, EntryKind};
use super::{Client, Edit, Form, Plan, SetupError, servers};
use crate::access::TokenText;
use crate::config::Surroundings;

/// The user name that goes with a token where a client wants one, as on PyPI.
pub(super) const USER: &str = "__token__";

/// What a client is to be given.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The gateway's address.
    pub base: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// npm: the scope that is asked of the gateway, with or without `@`; without it, everything.
    pub scope: Option<&'a str>,
    /// The token.
    pub token: &'a TokenText,
}

/// What it takes to make `client` show the token, and to use the repository as far as the token's
/// place says so.
pub fn login(
    client: Client,
    login: &Login<'_>,
    surroundings: &Surroundings,
) -> Result<Plan, SetupError> {
    let gateway = super::gateway(login.base, login.repository)?;
    let scope = scope_of(client, login.scope)?;
    let mut plan = Plan {
        client,
        edits: Vec::new(),
        commands: Vec::new(),
        notes: Vec::new(),
    };
    match client {
        Client::Npm | Client::Pnpm => {
            let file = surroundings.home.join(".npmrc");
            let entries = npm(&gateway, scope.as_deref(), login.token);
            plan.edits.push(edit(file, entries));
            plan.note("a project's own .npmrc goes before the one in the home folder");
        }
        Client::Pip => {
            let file = surroundings.config_home().join("pip/pip.conf");
            plan.edits.push(edit(file, pip(&gateway, login.token)));
            plan.note("PIP_INDEX_URL, where set, goes before the file");
        }
        Client::Twine => {
            let file = surroundings.home.join(".pypirc");
            plan.edits.push(edit(file, twine(&gateway, login.token)));
            plan.note("to publish: twine upload -r portcullis dist/*");
        }
        Client::Maven => maven(&mut plan, &gateway, login.token, surroundings),
        Client::Yarn | Client::Uv | Client::Poetry | Client::Gradle => {
            variables(&mut plan, &gateway);
        }
    }
    if gateway.is_plain_and_away() {
        plan.note("over plain http everyone on the way can read the token; serve over https");
    }
    Ok(plan)
}

impl Plan {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

/// The scope with its `@`.
fn scope_of(client: Client, written: Option<&str>) -> Result<Option<String>, SetupError> {
    let Some(written) = written else {
        return Ok(None);
    };
    let name = written.strip_prefix('@').unwrap_or(written);
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._~".contains(c);
    let message = match client {
        Client::Npm | Client::Pnpm if !name.is_empty() && name.chars().all(named) => {
            return Ok(Some(format!("@{name}")));
        }
        Client::Npm | Client::Pnpm => "it has small letters, digits and -._~",
        _ => "only npm and pnpm have scopes; leave it out",
    };
    Err(SetupError::Scope {
        scope: written.to_owned(),
        message,
    })
}

fn edit(file: std::path::PathBuf, entries: Entries) -> Edit {
    Edit {
        file,
        text_to_add: entries.new_file(),
        form: Form::Entries(entries),
    }
}

/// npmrc: credentials are keyed by host and path, and of several kinds the client takes whichever
/// it knows first, so that older ones for the same place have to go.
fn npm(gateway: &Gateway, scope: Option<&str>, token: &TokenText) -> Entries {
    let place = gateway.npm.split_once(':').map_or("", |(_, rest)| rest);
    let registry = scope.map_or("registry".to_owned(), |scope| format!("{scope}:registry"));
    let gone = ["_auth", "username", "_password"]
        .map(|key| Entry::new(None, &format!("{place}:{key}"), "", EntryKind::Gone));
    let mut entries = vec![
        Entry::new(None, &registry, &gateway.npm, EntryKind::Address),
        Entry::new(
            None,
            &format!("{place}:_authToken"),
            token.reveal(),
            EntryKind::Ours,
        ),
    ];
    entries.extend(gone);
    Entries {
        dialect: Dialect::Npmrc,
        base: gateway.address.url.clone(),
        lists: Vec::new(),
        entries,
    }
}

fn pip(gateway: &Gateway, token: &TokenText) -> Entries {
    let (scheme, rest) = gateway.simple.split_once("://").unwrap_or_default();
    // Neither the user name nor a token has a character that would have to be escaped.
    let address = format!("{scheme}://{USER}:{}@{rest}", token.reveal());
    let global = Some("global");
    Entries {
        dialect: Dialect::Ini,
        base: gateway.address.url.clone(),
        lists: trusted_host(gateway).into_iter().collect(),
        entries: vec![Entry::new(
            global,
            "index-url",
            &address,
            EntryKind::Address,
        )],
    }
}

fn twine(gateway: &Gateway, token: &TokenText) -> Entries {
    let section = Some("portcullis");
    let entry = |key, value, kind| Entry::new(section, key, value, kind);
    Entries {
        dialect: Dialect::Ini,
        base: gateway.address.url.clone(),
        lists: vec![twine_servers()],
        entries: vec![
            entry("repository", &gateway.upload, EntryKind::Address),
            entry("username", USER, EntryKind::Ours),
            entry("password", token.reveal(), EntryKind::Ours),
        ],
    }
}

/// The `<server>` only: what Maven reads from is a matter of set-up, whose mirror has the same id.
fn maven(plan: &mut Plan, gateway: &Gateway, token: &TokenText, surroundings: &Surroundings) {
    plan.edits.push(Edit {
        file: surroundings.home.join(".m2/settings.xml"),
        text_to_add: servers::new_file(token),
        form: Form::MavenServer {
            token: token.clone(),
        },
    });
    plan.note("to read: portcullis setup maven, whose mirror has the same id, `portcullis`");
    plan.notes.push(format!(
        "to deploy, in the project: <distributionManagement><repository><id>portcullis</id>\
         <url>{}</url></repository></distributionManagement>",
        gateway.maven
    ));
}

/// Clients that take the token from their environment.
fn variables(plan: &mut Plan, gateway: &Gateway) {
    const TOKEN: &str = "\"$PORTCULLIS_TOKEN\"";
    let (names, note): (&[(&str, &str)], _) = match plan.client {
        Client::Uv => (
            &[
                ("UV_INDEX_PORTCULLIS_USERNAME", USER),
                ("UV_INDEX_PORTCULLIS_PASSWORD", TOKEN),
                ("UV_PUBLISH_TOKEN", TOKEN),
            ],
            "the index is that of portcullis setup uv; to publish: uv publish --index portcullis"
                .to_owned(),
        ),
        Client::Poetry => (
            &[
                ("POETRY_HTTP_BASIC_PORTCULLIS_USERNAME", USER),
                ("POETRY_HTTP_BASIC_PORTCULLIS_PASSWORD", TOKEN),
            ],
            "the source and repository are those of portcullis setup poetry".to_owned(),
        ),
        Client::Yarn => (
            &[
                ("YARN_NPM_AUTH_TOKEN", TOKEN),
                ("YARN_NPM_ALWAYS_AUTH", "true"),
            ],
            "Yarn 1 reads ~/.npmrc: portcullis login npm, and always-auth=true there".to_owned(),
        ),
        _ => (
            &[
                ("ORG_GRADLE_PROJECT_portcullisUsername", USER),
                ("ORG_GRADLE_PROJECT_portcullisPassword", TOKEN),
            ],
            format!(
                "in the build: maven {{ name = 'portcullis'; url = '{}'; \
                 credentials(PasswordCredentials) }}",
                gateway.maven
            ),
        ),
    };
    plan.commands = names
        .iter()
        .map(|(name, value)| format!("export {name}={value}"))
        .collect();
    plan.notes.push(note);
    plan.note("PORTCULLIS_TOKEN is to hold the token");
}

#[cfg(test)]
mod tests;
