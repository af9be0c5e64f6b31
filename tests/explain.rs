//! `portcullis explain` and `portcullis check`: the same judge, without a network.

use crate::support::gateway::{House, run};

const RULES: &str = r#"
[[group]]
pattern  = "/npm//left-pad$"
external = "block"

[[group]]
pattern  = "/maven/com.acme~"
external = "block"
publish  = "allow"
"#;

fn check(text: &str) -> std::process::Output {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("portcullis.toml");
    std::fs::write(&path, text).expect("a temporary file can be written");
    run(&["check", "--config", &path.display().to_string()], "")
}

fn said(output: &std::process::Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn a_batch_gives_one_line_for_each_line_in_order() {
    let house = House::new(RULES);
    let input = "npm\tleft-pad\nnpm\tright-pad\npypi\tdemo\t1.0\nmaven\tcom.acme:core\n\
                 npm\t@types/node\nmaven\torg.acme:core\t1.0\n";
    let lines = house.explain_batch(input);
    let verdicts: Vec<&str> = lines.iter().map(|fields| fields[0].as_str()).collect();
    // org.acme looks like the house's com.acme.
    assert_eq!(
        verdicts,
        ["deny", "allow", "allow", "deny", "allow", "warn"]
    );
    assert_eq!(lines[5][2], "com.acme");
    for fields in &lines {
        assert_eq!(fields.len(), 4, "{fields:?}");
        if fields[0] == "deny" {
            assert!(!fields[1].is_empty() && !fields[3].is_empty(), "{fields:?}");
        }
    }
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn a_batch_survives_lines_that_mean_nothing() {
    let house = House::new(RULES);
    let lines =
        house.explain_batch("npm\tleft-pad\nnonsense\ncobol\tx\nnpm\t../..\nnpm\tleft-pad\n");
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(lines[0], lines[4]);
    for fields in &lines[1..4] {
        assert_ne!(fields[0], "allow", "{fields:?}");
    }
}

#[test]
fn ten_thousand_names_are_explained_without_a_network() {
    let house = House::new(RULES);
    let input: String = (0..10_000)
        .map(|number| format!("npm\tpad-{number}\n"))
        .collect();
    assert_eq!(house.explain_batch(&input).len(), 10_000);
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn one_name_is_explained_with_its_group_in_words_and_as_json() {
    let house = House::new(RULES);
    let words = house.explain("/npm//left-pad", &[]);
    assert!(
        words.contains("deny") && words.contains("/npm//left-pad$"),
        "{words}"
    );
    let json = house.explain("/npm//left-pad", &["--json"]);
    let json: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert!(json.to_string().contains("/npm//left-pad$"), "{json}");
}

#[test]
fn check_tells_clean_from_findings_from_unusable() {
    let clean = check("[[group]]\npattern = \"/npm//left-pad$\"\nexternal = \"block\"\n");
    assert_eq!(clean.status.code(), Some(0), "{}", said(&clean));
    let word_end = check(
        "[[group]]\npattern = \"/maven/com.amazon~\"\nexternal = \"block\"\n\n\
         [[group]]\npattern = \"/maven/com.amazonaws~\"\nexternal = \"block\"\n",
    );
    assert_eq!(word_end.status.code(), Some(1), "{}", said(&word_end));
    let scope = check("[[group]]\npattern = \"/npm/@acme/*\"\nexternal = \"block\"\n");
    assert_eq!(scope.status.code(), Some(2), "{}", said(&scope));
    assert!(said(&scope).contains("without"), "{}", said(&scope));
    let broken = check("[[group]\n");
    assert_eq!(broken.status.code(), Some(2), "{}", said(&broken));
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let output = check("[[group]]\npattern = \"/npm/*\"\nexternl = \"block\"\n");
    assert_ne!(output.status.code(), Some(0));
    let said = said(&output);
    assert!(
        said.contains("externl") && said.contains("external"),
        "{said}"
    );
}
