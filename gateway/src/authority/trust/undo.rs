//! Taking trust back: the files as they were, and nothing of ours that nobody names any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::recipes::text_of;
use super::{Scene, Step, Steps, TrustError, Truster, Write, marks, places};
use crate::config::Surroundings;
use crate::setup::Client;

/// The files as they were, and without the bundles that nothing names any more.
pub(super) fn plan(truster: Truster, scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let mut steps = Vec::new();
    let mut after: Vec<(PathBuf, Option<String>)> = Vec::new();
    for (file, owner) in written(truster, scene.surroundings) {
        let Some(text) = text_of(&file)? else {
            continue;
        };
        let without = marks::unmark(&text, owner);
        if without.as_ref() != Some(&text) {
            let shown = match &without {
                Some(_) => "(without the lines of portcullis)",
                None => "(removed)",
            };
            steps.push(Step::Write(Write {
                file: file.clone(),
                text: without.clone(),
                shown: shown.to_owned(),
                is_public: false,
                as_root: None,
            }));
        }
        after.push((file, without));
    }
    steps.extend(unnamed(&after, scene));
    Ok((steps, Vec::new()))
}

/// The removal of files of ours that no client names after the undoing.
fn unnamed(after: &[(PathBuf, Option<String>)], scene: &Scene<'_>) -> Vec<Step> {
    let clients = Client::ALL.map(Truster::Client);
    let files: BTreeSet<PathBuf> = clients
        .into_iter()
        .chain([Truster::Shell])
        .flat_map(|truster| written(truster, scene.surroundings))
        .map(|(file, _)| file)
        .collect();
    let text_after = |file: &PathBuf| match after.iter().find(|(changed, _)| changed == file) {
        Some((_, text)) => text.clone(),
        None => fs::read_to_string(file).ok(),
    };
    let texts: Vec<String> = files.iter().filter_map(text_after).collect();
    let names = |own: &Path| {
        let named = own.display().to_string();
        texts.iter().any(|text| text.contains(&named))
    };
    let Ok(entries) = fs::read_dir(scene.own("")) else {
        return Vec::new();
    };
    let mut own: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    own.sort();
    let stale = own.into_iter().filter(|file| {
        let store = file.with_extension("");
        let is_mark = file.extension().is_some_and(|it| it == "made");
        !names(if is_mark { &store } else { file })
    });
    stale
        .map(|file| {
            Step::Write(Write {
                file,
                text: None,
                shown: "(removed)".to_owned(),
                is_public: true,
                as_root: None,
            })
        })
        .collect()
}

/// Every file that a plan may have written, with whose lines it holds.
fn written(truster: Truster, surroundings: &Surroundings) -> Vec<(PathBuf, &'static str)> {
    let profiles = |owner: &'static str| {
        // Also of another shell than today's.
        let home = &surroundings.home;
        let names = [
            ".profile",
            ".bash_profile",
            ".bash_login",
            ".bashrc",
            ".zshenv",
        ];
        let mut files: BTreeSet<PathBuf> = names.iter().map(|name| home.join(name)).collect();
        files.extend(places::profiles(surroundings).1);
        files.insert(
            surroundings
                .config_home()
                .join("fish/conf.d/portcullis.fish"),
        );
        files.into_iter().map(move |file| (file, owner)).collect()
    };
    let one = |file: Option<PathBuf>, owner| file.into_iter().map(|it| (it, owner)).collect();
    let client = match truster {
        Truster::Client(client) => client,
        Truster::Shell => return profiles("shell"),
        Truster::System => return Vec::new(),
    };
    match client {
        Client::Npm | Client::Pnpm => one(Some(places::user_npmrc(surroundings)), "npm"),
        Client::Yarn => {
            let mut files: Vec<_> = one(places::yarnrc(surroundings).pop(), "yarn");
            files.extend(
                places::yarnrc_yml(surroundings)
                    .pop()
                    .map(|it| (it, "yarn-berry")),
            );
            files
        }
        Client::Pip => one(Some(places::user_pip(surroundings)), "pip"),
        Client::Uv => {
            let mut files: Vec<_> = profiles("uv");
            files.push((surroundings.config_home().join("uv/uv.toml"), "uv"));
            files
        }
        Client::Poetry => profiles("poetry"),
        Client::Twine => profiles("twine"),
        Client::Maven => one(Some(surroundings.home.join(".mavenrc")), "maven"),
        Client::Gradle => one(places::gradle(surroundings).pop(), "gradle"),
    }
}
