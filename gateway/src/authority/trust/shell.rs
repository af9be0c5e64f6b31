//! Variables in the profile of the user's shell, for clients that have no setting of their own.
//!
//! Each variable goes on naming what it names today: a variable that replaces a client's roots
//! gets a combined bundle, and the former value stands in a comment.

use std::fs;
use std::path::{Path, PathBuf};

use super::marks::{self, Addition, Dialect, Line};
use super::roots::{Today, bundle_for};
use super::{Scene, Step, Steps, TrustError, places};

/// All of them (protocols of the clients: none is read by all).
const VARIABLES: &[&str] = &[
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
];

/// These go before a client's file, and are written only where somebody has set them.
const STRONG: &[&str] = &[
    "npm_config_cafile",
    "NPM_CONFIG_CAFILE",
    "PNPM_CONFIG_CAFILE",
    "YARN_HTTPS_CA_FILE_PATH",
];

/// The lines for all variables.
pub(super) fn all(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let (dialect, files) = places::profiles(scene.surroundings);
    let texts = texts(&files);
    let is_set = |name: &&&str| former(name, dialect, &texts, scene).is_some();
    let strong = STRONG.iter().filter(is_set);
    let variables: Vec<&str> = VARIABLES.iter().chain(strong).copied().collect();
    plan("shell", &variables, scene)
}

/// The lines for these variables, in every profile of the user's shell.
pub(super) fn plan(
    owner: &'static str,
    variables: &[&'static str],
    scene: &Scene<'_>,
) -> Result<Steps, TrustError> {
    let (dialect, files) = places::profiles(scene.surroundings);
    let texts = texts(&files);
    let mut addition = Addition {
        owner,
        dialect,
        remarks: Vec::new(),
        lines: Vec::new(),
    };
    let mut steps = Vec::new();
    for variable in variables {
        let before = former(variable, dialect, &texts, scene);
        let (file, step) = value(variable, before.as_deref(), scene)?;
        steps.extend(step);
        if let Some(before) = before {
            addition.remarks.push(format!("was {variable}={before}"));
        }
        addition.lines.push(Line {
            section: None,
            key: variable,
            value: file.display().to_string(),
        });
    }
    for file in files {
        steps.push(super::recipes::marked(file, &addition)?);
    }
    let note = "open a new shell, or read the profile again, for the variables to count";
    Ok((steps, vec![note.to_owned()]))
}

fn texts(files: &[PathBuf]) -> Vec<String> {
    let text = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default();
    files.iter().map(text).collect()
}

/// What the variable was before us: in the environment, in an earlier block, in the profile.
fn former(variable: &str, dialect: Dialect, texts: &[String], scene: &Scene<'_>) -> Option<String> {
    if let Some(value) = scene.foreign(variable) {
        return Some(value.to_owned());
    }
    let start = format!("was {variable}=");
    let said = texts.iter().find_map(|text| marks::remark(text, &start));
    let set = || {
        let values = texts
            .iter()
            .filter_map(|text| marks::value_of(text, dialect, None, variable));
        let plain = |value: &String| !scene.is_own(value) && !value.contains('$');
        values
            .filter(plain)
            .find(|value| Path::new(value).is_file())
    };
    said.map(str::to_owned).or_else(set)
}

/// The file that the variable is to name, and what makes it.
fn value(
    variable: &str,
    before: Option<&str>,
    scene: &Scene<'_>,
) -> Result<(PathBuf, Option<Step>), TrustError> {
    let today = match (variable, before) {
        // Node adds what it names to its own roots.
        ("NODE_EXTRA_CA_CERTS", None) => return Ok((scene.certificate(), None)),
        (_, Some(file)) => named(file, scene),
        ("REQUESTS_CA_BUNDLE", None) => scene
            .foreign("CURL_CA_BUNDLE")
            .map_or(Today::Default, |file| named(file, scene)),
        (_, None) => Today::Default,
    };
    let (file, step) = bundle_for(&variable.to_ascii_lowercase(), &today, scene)?;
    Ok((file, Some(step)))
}

/// The system's own bundle is the default; naming it changes nothing.
fn named(file: &str, scene: &Scene<'_>) -> Today {
    let file = PathBuf::from(file);
    let is_default = super::bundle::of_system(scene.surroundings).as_ref() == Some(&file)
        && scene
            .foreign("SSL_CERT_FILE")
            .is_none_or(|it| Path::new(it) == file);
    match is_default {
        true => Today::Default,
        false => Today::Named(file),
    }
}
