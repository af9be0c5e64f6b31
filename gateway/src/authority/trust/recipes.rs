//! What each client has to be told, and where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::marks::{self, Addition, Dialect, Line};
use super::roots::{Today, bundle_for};
use super::{Scene, Step, Steps, TrustError, Write, bundle, java, places, shell};
use crate::config::Surroundings;
use crate::setup::Client;

/// A client's setting that names the bundle which replaces its roots.
struct Setting {
    owner: &'static str,
    /// Where it may be; the first is the user's, and is written.
    files: Vec<PathBuf>,
    dialect: Dialect,
    section: Option<&'static str>,
    key: &'static str,
}

pub(super) fn plan(client: Client, scene: &Scene<'_>) -> Result<Steps, TrustError> {
    match client {
        Client::Npm | Client::Pnpm => npm(scene),
        Client::Yarn => yarn(scene),
        Client::Pip => pip(scene),
        Client::Uv => uv(scene),
        Client::Poetry => shell::plan("poetry", &["REQUESTS_CA_BUNDLE"], scene),
        Client::Twine => shell::plan("twine", &["REQUESTS_CA_BUNDLE"], scene),
        Client::Maven => java::maven(scene),
        Client::Gradle => java::gradle(scene),
    }
}

/// npm wants no shell: `cafile` counts wherever it is started. It replaces node's roots and
/// `NODE_EXTRA_CA_CERTS` both, so that the bundle holds both.
fn npm(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let setting = Setting {
        owner: "npm",
        files: places::npmrc(scene.surroundings),
        dialect: Dialect::Npmrc,
        section: None,
        key: "cafile",
    };
    let mut steps = setting.steps(&beside_node(scene), scene)?;
    steps.1.push(
        "npm and pnpm read the same file: both trust, and --undo of one is that of both".to_owned(),
    );
    stronger(&["npm_config_cafile"], "npm's file", scene, &mut steps.1);
    Ok(steps)
}

fn yarn(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let default = beside_node(scene);
    let mut files = places::yarnrc(scene.surroundings);
    let npmrc = Setting {
        owner: "npm",
        files: places::npmrc(scene.surroundings),
        dialect: Dialect::Npmrc,
        section: None,
        key: "cafile",
    };
    // Yarn 1 reads npm's setting where it has none of its own.
    let classic_default = npmrc
        .named(scene)?
        .map_or(default.clone(), Otherwise::Named);
    files.truncate(1);
    let classic = Setting {
        owner: "yarn",
        files,
        dialect: Dialect::Yarnrc,
        section: None,
        key: "cafile",
    };
    let berry = Setting {
        owner: "yarn-berry",
        files: places::yarnrc_yml(scene.surroundings),
        dialect: Dialect::Yaml,
        section: None,
        key: "httpsCaFilePath",
    };
    let (mut steps, mut notes) = classic.steps(&classic_default, scene)?;
    steps.extend(berry.steps(&default, scene)?.0);
    notes.push(".yarnrc is for Yarn 1, .yarnrc.yml for Yarn 3.1 and later".to_owned());
    let names = ["YARN_HTTPS_CA_FILE_PATH", "npm_config_cafile"];
    stronger(&names, "Yarn's files", scene, &mut notes);
    Ok((steps, notes))
}

fn pip(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let user = places::user_pip(scene.surroundings);
    let mut files = places::pip(scene.surroundings);
    files.retain(|file| *file != user);
    files.insert(0, user);
    let setting = Setting {
        owner: "pip",
        files,
        dialect: Dialect::Ini,
        section: Some("global"),
        key: "cert",
    };
    let (steps, mut notes) = setting.steps(&Otherwise::Roots, scene)?;
    let names = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"];
    stronger(&names, "pip.conf", scene, &mut notes);
    Ok((steps, notes))
}

/// Where the system's store has the authority, uv is told to use that; else the variable.
fn uv(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let system = bundle::of_system(scene.surroundings);
    let holds = |file: &Path| bundle::holds(file, &scene.authority).unwrap_or(false);
    let by_system = system.is_some_and(|file| holds(&file))
        && scene
            .foreign("SSL_CERT_FILE")
            .is_none_or(|file| holds(Path::new(file)));
    if !by_system {
        let (steps, mut notes) = shell::plan("uv", &["SSL_CERT_FILE"], scene)?;
        let note = "where the system trusts the authority (portcullis authority trust system), \
                    uv needs no variable: run this again then";
        notes.push(note.to_owned());
        return Ok((steps, notes));
    }
    let addition = Addition {
        owner: "uv",
        dialect: Dialect::Toml,
        remarks: Vec::new(),
        lines: vec![Line {
            section: None,
            key: uv_key(scene),
            value: "true".to_owned(),
        }],
    };
    let file = scene.surroundings.config_home().join("uv/uv.toml");
    Ok((vec![marked(file, &addition)?], Vec::new()))
}

/// uv's setting has had this name since 0.11; older ones stop at keys they do not know.
fn uv_key(scene: &Scene<'_>) -> &'static str {
    let answer = (scene.run)(&super::Invocation::new("uv", &["--version"]));
    let version = answer.map(|it| it.output).unwrap_or_default();
    let mut numbers = version
        .split_whitespace()
        .nth(1)
        .unwrap_or("")
        .split('.')
        .map_while(|it| it.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(0), Some(minor)) if minor < 11 => "native-tls",
        _ => "system-certs",
    }
}

/// What stands in for the roots of a client that names none.
#[derive(Clone)]
enum Otherwise {
    Roots,
    RootsAnd(PathBuf),
    Named(PathBuf),
}

/// Node's roots, with what `NODE_EXTRA_CA_CERTS` adds to them.
fn beside_node(scene: &Scene<'_>) -> Otherwise {
    let extra = scene.foreign("NODE_EXTRA_CA_CERTS").map(PathBuf::from);
    let system = bundle::of_system(scene.surroundings);
    match extra.filter(|file| file.is_file() && system.as_ref() != Some(file)) {
        Some(file) => Otherwise::RootsAnd(file),
        None => Otherwise::Roots,
    }
}

impl Setting {
    fn steps(&self, default: &Otherwise, scene: &Scene<'_>) -> Result<Steps, TrustError> {
        let today = match (self.named(scene)?, default) {
            (Some(file), _) => Today::Named(file),
            (None, Otherwise::Named(file)) => Today::Named(file.clone()),
            (None, Otherwise::RootsAnd(file)) => Today::DefaultAnd(file.clone()),
            (None, Otherwise::Roots) => Today::Default,
        };
        let (bundle, step) = bundle_for(self.owner, &today, scene)?;
        let user = &self.files[0];
        let text = pristine(user, self.owner)?.unwrap_or_default();
        // A setting for one command goes before the one for all.
        let mut sections = marks::sections_with(&text, self.dialect, self.key);
        sections.extend(self.section.map(str::to_owned));
        let mut sections: Vec<Option<String>> = match self.section {
            None => vec![None],
            Some(_) => sections.into_iter().map(Some).collect(),
        };
        sections.sort();
        sections.dedup();
        let line = |section| Line {
            section,
            key: self.key,
            value: bundle.display().to_string(),
        };
        let addition = Addition {
            owner: self.owner,
            dialect: self.dialect,
            remarks: Vec::new(),
            lines: sections.into_iter().map(line).collect(),
        };
        Ok((vec![step, marked(user.clone(), &addition)?], Vec::new()))
    }

    /// The file that the client's setting names without us.
    fn named(&self, scene: &Scene<'_>) -> Result<Option<PathBuf>, TrustError> {
        for file in &self.files {
            let Some(text) = pristine(file, self.owner)? else {
                continue;
            };
            let of_section =
                |section: &str| marks::value_of(&text, self.dialect, Some(section), self.key);
            let found = match self.section {
                None => marks::value_of(&text, self.dialect, None, self.key),
                Some(global) => of_section("install").or_else(|| of_section(global)),
            };
            if let Some(named) = found.filter(|named| !scene.is_own(named)) {
                let named = expanded(&named, scene.surroundings);
                // Relative ones start at the folder where the client does; the file's is a guess.
                let folder = file.parent().unwrap_or(Path::new("/"));
                return Ok(Some(folder.join(named)));
            }
        }
        Ok(None)
    }
}

/// `${NAME}` and `~/` as npm and pip have them.
fn expanded(text: &str, surroundings: &Surroundings) -> PathBuf {
    let text = crate::config::discover::expand(text, "", surroundings);
    match text.strip_prefix("~/") {
        Some(rest) => surroundings.home.join(rest),
        None => PathBuf::from(text),
    }
}

/// A variable that the client takes before its file.
fn stronger(names: &[&str], file: &str, scene: &Scene<'_>, notes: &mut Vec<String>) {
    for name in names {
        let set = places::any_case(scene.surroundings, name).filter(|it| !scene.is_own(it));
        if set.is_some() {
            notes.push(format!(
                "{name} is set and goes before {file}; unset it, or run: \
                 portcullis authority trust shell"
            ));
        }
    }
}

/// A file's text; nothing if there is no file.
pub(super) fn text_of(file: &Path) -> Result<Option<String>, TrustError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrustError::File {
            file: file.to_owned(),
            source,
        }),
    }
}

/// The text without what is ours.
fn pristine(file: &Path, owner: &str) -> Result<Option<String>, TrustError> {
    Ok(text_of(file)?.and_then(|text| marks::unmark(&text, owner)))
}

/// The step that puts an addition into a file, in place of an earlier one.
pub(super) fn marked(file: PathBuf, addition: &Addition) -> Result<Step, TrustError> {
    let before = pristine(&file, addition.owner)?;
    let mut shown: Vec<String> = addition
        .remarks
        .iter()
        .map(|it| format!("# {it}"))
        .collect();
    for line in &addition.lines {
        shown.extend(line.section.iter().map(|name| format!("[{name}]")));
        shown.push(addition.dialect.line(line.key, &line.value));
    }
    Ok(Step::Write(Write {
        text: Some(marks::mark(before.as_deref(), addition)),
        shown: shown.join("\n"),
        file,
        is_public: false,
        as_root: None,
    }))
}
