//! Where npm's registry is written: `npm_config_registry`, `.npmrc`, npm's own default.

use std::path::PathBuf;

use super::ask::{ask, find_program};
use super::{Candidate, Place, Surroundings, expand, from_files};

pub(super) fn places() -> &'static [Place] {
    &[variables, files, built_in]
}

/// npm takes `npm_config_*` in any mixture of small and capital letters.
fn variables(surroundings: &Surroundings) -> Vec<Candidate> {
    let candidate = |(name, value): (&String, &String)| Candidate {
        written: value.clone(),
        source: format!("environment variable {name}"),
    };
    let set = |(name, value): &(&String, &String)| is_registry(name) && !value.trim().is_empty();
    surroundings.env.iter().filter(set).map(candidate).collect()
}

fn files(surroundings: &Surroundings) -> Vec<Candidate> {
    from_files(configuration_files(surroundings), |text| {
        registry_of(text).map(|written| expand(&written, "", surroundings))
    })
}

fn built_in(surroundings: &Surroundings) -> Vec<Candidate> {
    // The user's file was read above; what it says must not be taken for the default.
    let arguments = ["config", "get", "registry", "--userconfig", "/dev/null"];
    let answer = ask(surroundings, "npm", &arguments, is_registry);
    let source = "npm's built-in default (npm config get registry)".to_owned();
    let written = answer
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty());
    written
        .map(|written| Candidate { written, source })
        .into_iter()
        .collect()
}

fn is_registry(name: &str) -> bool {
    name.eq_ignore_ascii_case("npm_config_registry")
}

/// The user's file, then the global ones: below npm's prefix, and where distributions put it.
fn configuration_files(surroundings: &Surroundings) -> Vec<PathBuf> {
    let named = |wanted: &str| {
        let mut all = surroundings.env.iter();
        all.find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.into())
    };
    let user: PathBuf =
        named("npm_config_userconfig").unwrap_or_else(|| surroundings.home.join(".npmrc"));
    let mut files = vec![user];
    files.extend(named("npm_config_globalconfig"));
    files.extend(
        surroundings
            .variable("PREFIX")
            .map(|it| PathBuf::from(it).join("etc/npmrc")),
    );
    // npm's default prefix is the folder above the one that holds node.
    let node = find_program(surroundings, "node").and_then(|node| node.canonicalize().ok());
    let prefix = node.as_deref().and_then(|node| node.parent()?.parent());
    files.extend(prefix.map(|prefix| prefix.join("etc/npmrc")));
    for place in ["usr/local/etc/npmrc", "usr/etc/npmrc", "etc/npmrc"] {
        files.push(surroundings.root.join(place));
    }
    files
}

/// `registry = …` of an `.npmrc`, which is an INI file; the last one counts.
fn registry_of(text: &str) -> Option<String> {
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            // Keys of a section are not npm's own.
            break;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value
            .split([';', '#'])
            .next()
            .unwrap_or("")
            .trim()
            .trim_matches(['"', '\'']);
        if key.trim() == "registry" && !value.is_empty() {
            found = Some(value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_lines() {
        for (text, registry) in [
            (
                "registry=http://upstream.test/",
                Some("http://upstream.test/"),
            ),
            (
                "a=b\n  registry = \"http://upstream.test/x\" ; ours",
                Some("http://upstream.test/x"),
            ),
            (
                "registry=http://a.test/\nregistry=http://b.test/",
                Some("http://b.test/"),
            ),
            ("@scope:registry=http://upstream.test/", None),
            ("; registry=http://upstream.test/\n# registry=x", None),
            ("[other]\nregistry=http://upstream.test/", None),
            ("registry=", None),
        ] {
            assert_eq!(registry_of(text).as_deref(), registry, "{text}");
        }
    }
}
