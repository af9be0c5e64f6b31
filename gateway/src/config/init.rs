//! `portcullis init`: a first `portcullis.toml`, with what was discovered and where it came from.

use std::fmt::Write;

use rules::Ecosystem;

use super::{Discovery, limits};

const HEAD: &str = "\
# Portcullis. Every key has a default; what is commented out shows it.
# `portcullis check` reads this file and starts nothing.

# listen = \"127.0.0.1:8080\"
# admin = \"127.0.0.1:8081\"
# data = \"data\"
# public_url = \"http://127.0.0.1:8080\"    # as clients see it; stands in documents
# log = \"human\"                           # or \"json\"

# [tls]                                   # clients then use https
# certificate = \"gateway.pem\"
# key = \"gateway.key\"
";

const TAIL: &str = "
# One repository with everything is what there is without this section.
# [repository.public]
# external = [\"npm\", \"pypi\", \"maven\"]

# [[group]]
# pattern = \"/npm/mycompany/*\"
# external = \"block\"
";

/// The text of the file. It holds no secret, even where discovery met one.
pub fn text(discovery: &Discovery) -> String {
    let mut text = HEAD.to_owned();
    for note in &discovery.notes {
        comment(&mut text, &format!("note: {note}"));
    }
    text.push_str("\n[upstreams]\n");
    for ecosystem in Ecosystem::PROXIED {
        let name = ecosystem.as_str();
        let Some(found) = discovery.found.get(&ecosystem) else {
            let _ = writeln!(
                text,
                "# {name} = \"http://…\"    # not found; set it to turn it on"
            );
            continue;
        };
        comment(&mut text, &format!("from {}", found.source));
        if found.credentials.is_some() {
            comment(
                &mut text,
                "it has credentials, which are not copied here: write a table",
            );
            let table =
                format!("[upstreams.{name}] with url, username and password = \"env:NAME\"");
            comment(&mut text, &table);
        }
        let _ = writeln!(text, "{name} = {}", toml::Value::String(found.url.clone()));
    }
    text.push_str(TAIL);
    text.push_str("\n# [limits]\n");
    for row in limits::ROWS {
        let default = row.default_text();
        let quoted = match row.unit {
            limits::Unit::Count => default,
            _ => format!("\"{default}\""),
        };
        let _ = writeln!(text, "# {} = {quoted}    # {}", row.name, row.doc);
    }
    text
}

/// A comment of one line, whatever is in it.
fn comment(text: &mut String, line: &str) {
    let line: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let _ = writeln!(text, "# {line}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Found, Overrides, Secret, Source};

    #[test]
    fn what_init_writes_is_what_load_reads() {
        let found = |url: &str, credentials| Found {
            url: url.to_owned(),
            credentials,
            source: "a file\nwith = \"a trap\"".to_owned(),
        };
        let secret = Secret::basic("ada", "lovelace");
        let discovery = Discovery {
            found: BTreeMap::from([
                (Ecosystem::Npm, found("http://upstream.test/npm/", None)),
                (
                    Ecosystem::Pypi,
                    found("http://upstream.test/", Some(secret.clone())),
                ),
            ]),
            notes: vec!["no registry of maven\nwas = \"found\"".to_owned()],
        };
        let written = text(&discovery);
        assert!(!written.contains(secret.authorization().trim_start_matches("Basic ")));
        let config = Config::load(
            &written,
            Path::new("portcullis.toml"),
            Overrides::default(),
            &Discovery::default(),
        )
        .unwrap();
        let upstream = &config.repositories[0].upstream;
        assert_eq!(upstream.len(), 2);
        for (ecosystem, found) in &discovery.found {
            assert_eq!(upstream[ecosystem].url, found.url);
            assert_eq!(upstream[ecosystem].source, Source::Configuration);
        }
        let uncommented: String = written
            .lines()
            .skip_while(|line| *line != "# [limits]")
            .map(|line| format!("{}\n", line.trim_start_matches("# ")))
            .collect();
        Config::load(
            &uncommented,
            Path::new("x"),
            Overrides::default(),
            &discovery,
        )
        .unwrap();
    }
}
