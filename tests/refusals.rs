//! What each client prints when it is refused: the sentence of the decision, the same one that
//! `portcullis explain` prints.

use crate::support::clients::{Client, Run, Sandbox};
use crate::support::gateway::{House, sentence};
use crate::support::publish;

/// Names that are denied, in each ecosystem.
pub const DENIED: &str = r#"
[[group]]
pattern  = "/npm//evil-pkg$"
external = "block"
internal = "block"
publish  = "block"

[[group]]
pattern  = "/pypi//evil-dist$"
external = "block"
internal = "block"
publish  = "block"

[[group]]
pattern  = "/maven/org.evil/dropper$"
external = "block"
internal = "block"
publish  = "block"
"#;

/// Where each of them is refused.
const NPM: &str = "/npm/public/evil-pkg";
const PYPI: &str = "/pypi/public/files/evil-dist/1.0/evil_dist-1.0-py3-none-any.whl";
const MAVEN: &str = "/maven/public/org/evil/dropper/1.0/dropper-1.0.pom";

/// A house in which everything denied exists upstream.
fn house() -> House {
    let house = House::new(DENIED);
    publish::npm(&house.npm, "evil-pkg", &["1.0.0"]);
    publish::pypi(&house.pypi, "evil-dist", &["1.0"]);
    publish::maven(&house.maven, ("org.evil", "dropper"), &["1.0"], "pom");
    house
}

/// The reason that `explain --batch` gives for a line of input.
fn explained(house: &House, line: &str) -> String {
    let lines = house.explain_batch(&format!("{line}\n"));
    let fields = lines.first().cloned().unwrap_or_default();
    assert_eq!(fields.len(), 4, "{fields:?}");
    assert_eq!(fields[0], "deny", "{fields:?}");
    fields[3].clone()
}

/// Clients also ask for their own newest version, which is no denied name.
#[track_caller]
fn nothing_denied_was_asked(house: &House) {
    for seen in house
        .upstreams()
        .into_iter()
        .flat_map(|registry| registry.log())
    {
        let target = seen.target.to_lowercase();
        assert!(
            !target.contains("evil"),
            "{target} was asked of an upstream"
        );
    }
}

#[track_caller]
fn says(client: Client, run: &Run, sentence: &str) {
    assert!(
        run.says(sentence),
        "{client:?} does not say {sentence:?}:\n{}",
        run.text
    );
}

#[test]
fn the_wire_and_explain_say_the_same_sentence() {
    let house = house();
    for (path, line, selector) in [
        (NPM, "npm\tevil-pkg", "/npm//evil-pkg"),
        (PYPI, "pypi\tevil-dist", "/pypi//evil-dist"),
        (MAVEN, "maven\torg.evil:dropper", "/maven/org.evil/dropper"),
    ] {
        let sentence = sentence(&house.get(path));
        assert_eq!(sentence, explained(&house, line), "{path}");
        let told = house.explain(selector, &[]);
        assert!(
            told.contains(&sentence),
            "explain says\n{told}\nnot {sentence:?}"
        );
    }
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn npm_also_gets_the_sentence_as_a_notice() {
    let reply = house().get("/npm/public/evil-pkg");
    assert_eq!(reply.header("npm-notice"), sentence(&reply));
}

#[test]
fn the_sentence_names_the_package_and_the_rule() {
    let house = house();
    let sentence = sentence(&house.get("/npm/public/evil-pkg"));
    assert!(sentence.contains("evil-pkg"), "{sentence}");
    let rule = house.explain_batch("npm\tevil-pkg\n")[0][1].clone();
    assert!(!rule.is_empty());
}

/// Adds the denied package and gives back what the client printed, with the sentence.
fn npm_family(client: Client) -> Option<(Run, String)> {
    let house = house();
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    let run = sandbox.npm_add(client, "evil-pkg")?.failed();
    nothing_denied_was_asked(&house);
    Some((run, sentence(&house.get(NPM))))
}

#[test]
fn npm_prints_the_sentence() {
    let Some((run, sentence)) = npm_family(Client::Npm) else {
        return;
    };
    says(Client::Npm, &run, &sentence);
    assert!(run.text.contains("E403"), "{}", run.text);
}

#[test]
fn pnpm_prints_the_sentence() {
    let Some((run, sentence)) = npm_family(Client::Pnpm) else {
        return;
    };
    says(Client::Pnpm, &run, &sentence);
}

#[test]
fn yarn_classic_prints_the_sentence() {
    let Some((run, sentence)) = npm_family(Client::YarnClassic) else {
        return;
    };
    says(Client::YarnClassic, &run, &sentence);
}

#[test]
fn yarn_berry_prints_the_sentence() {
    let Some((run, sentence)) = npm_family(Client::YarnBerry) else {
        return;
    };
    says(Client::YarnBerry, &run, &sentence);
}

/// A locked install goes straight to the tarball: it is refused there, with the same sentence.
#[test]
fn a_lockfile_made_before_the_rule_does_not_pass_it() {
    let mut house = House::new("");
    publish::npm(&house.npm, "evil-pkg", &["1.0.0"]);
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    let Some(run) = sandbox.npm_add(Client::Npm, "evil-pkg") else {
        return;
    };
    run.succeeded();
    house.write_rules(DENIED);
    house.eventually_status("/npm/public/evil-pkg/-/evil-pkg-1.0.0.tgz", 403);
    sandbox.forget_installed();
    let run = sandbox
        .npm_locked(Client::Npm)
        .expect("the client is there")
        .failed();
    says(Client::Npm, &run, &sentence(&house.get(NPM)));
}

/// Installs the denied project and gives back what the client printed, with the sentence.
fn pypi_family(client: Client) -> Option<(Run, String)> {
    let house = house();
    let sandbox = Sandbox::new();
    let index = house.url("/pypi/public/simple/");
    let run = match client {
        Client::Poetry => {
            sandbox.poetry_project(&index, "evil-dist");
            sandbox.run(client, &["lock", "--no-interaction"])?
        }
        _ => sandbox.pip_install(client, &index, "evil-dist")?,
    };
    nothing_denied_was_asked(&house);
    Some((run.failed(), sentence(&house.get(PYPI))))
}

#[test]
fn pip_prints_the_sentence() {
    let Some((run, sentence)) = pypi_family(Client::Pip) else {
        return;
    };
    says(Client::Pip, &run, &sentence);
}

#[test]
fn uv_prints_the_sentence() {
    let Some((run, sentence)) = pypi_family(Client::Uv) else {
        return;
    };
    says(Client::Uv, &run, &sentence);
}

#[test]
fn poetry_prints_the_sentence() {
    let Some((run, sentence)) = pypi_family(Client::Poetry) else {
        return;
    };
    says(Client::Poetry, &run, &sentence);
}

#[test]
fn maven_prints_the_sentence() {
    let house = house();
    let sandbox = Sandbox::new();
    sandbox.maven_project(&house.url("/maven/public"), "org.evil:dropper:1.0", None);
    let Some(run) = sandbox.maven_validate() else {
        return;
    };
    let sentence = sentence(&house.get(MAVEN));
    says(Client::Maven, &run.failed(), &sentence);
    assert_eq!(house.upstream_total(), 0);
}
