//! Plans on a home folder of the test's own: new files, files with other things in them, conflicts.

use std::collections::BTreeMap;
use std::fs;

use super::*;

const BASE: &str = "http://127.0.0.1:8080";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Home(tempfile::tempdir().unwrap())
    }

    fn plan(&self, client: Client, base: &str) -> Plan {
        let home = self.0.path().to_owned();
        let surroundings = Surroundings {
            env: BTreeMap::new(),
            root: home.clone(),
            home,
        };
        plan(client, base, "public", &surroundings).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.0.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

#[test]
fn new_files_are_what_print_shows_and_a_second_time_changes_nothing() {
    for client in Client::ALL {
        for base in [BASE, "http://gate.test:8080/", "https://gate.test/packages"] {
            let home = Home::new();
            let plan = home.plan(client, base);
            for outcome in apply(&plan).unwrap() {
                assert!(matches!(outcome, Outcome::Created(_)), "{client} {base}");
            }
            for edit in &plan.edits {
                assert_eq!(
                    fs::read_to_string(&edit.file).unwrap(),
                    edit.text_to_add,
                    "{client}"
                );
            }
            for outcome in apply(&plan).unwrap() {
                assert!(
                    matches!(outcome, Outcome::Unchanged(_)),
                    "{client} {base}: {outcome:?}"
                );
            }
            assert!(
                !plan.edits.is_empty() || !plan.commands.is_empty(),
                "{client}"
            );
        }
    }
}

/// Client, file, what is there, what must be there afterwards.
const EXTENDED: &[(Client, &str, &str, &str)] = &[
    (
        Client::Npm,
        ".npmrc",
        "save-exact=true\n# registry=x",
        "save-exact=true\n# registry=x\nregistry=http://127.0.0.1:8080/npm/public/\n",
    ),
    (
        Client::Npm,
        ".npmrc",
        "@corp:registry=http://corp.test/\n",
        "@corp:registry=http://corp.test/\nregistry=http://127.0.0.1:8080/npm/public/\n",
    ),
    (
        Client::Pip,
        ".config/pip/pip.conf",
        "[global]\ntimeout = 60\n[install]\nuser = true\n",
        "[global]\nindex-url = http://127.0.0.1:8080/pypi/public/simple/\ntimeout = 60\n\
         [install]\nuser = true\n",
    ),
    (
        Client::Pip,
        ".config/pip/pip.conf",
        "[install]\nuser = true",
        "[install]\nuser = true\n\n[global]\n\
         index-url = http://127.0.0.1:8080/pypi/public/simple/\n",
    ),
    (
        Client::Twine,
        ".pypirc",
        "[distutils]\nindex-servers =\n    pypi\n    corp\n\n[corp]\nrepository = x\n",
        "[distutils]\nindex-servers =\n    pypi\n    corp\n    portcullis\n\n[corp]\n\
         repository = x\n\n[portcullis]\nusername = __token__\n\
         repository = http://127.0.0.1:8080/pypi/public/\n",
    ),
    (
        Client::Uv,
        ".config/uv/uv.toml",
        "offline = false\n[[index]]\nname = 'corp'\nurl = 'http://corp.test/simple/'\n",
        "offline = false\n[[index]]\nname = 'corp'\nurl = 'http://corp.test/simple/'\n\n\
         [[index]]\nname = \"portcullis\"\nurl = \"http://127.0.0.1:8080/pypi/public/simple/\"\n\
         publish-url = \"http://127.0.0.1:8080/pypi/public/\"\ndefault = true\n",
    ),
    (
        Client::Maven,
        ".m2/settings.xml",
        "<settings>\n  <!-- mine -->\n  <offline>false</offline>\n</settings>\n",
        "<settings>\n  <!-- mine -->\n  <offline>false</offline>\n  <mirrors>\n    <mirror>\n\
         \x20     <id>portcullis</id>\n      <mirrorOf>*</mirrorOf>\n\
         \x20     <url>http://127.0.0.1:8080/maven/public/</url>\n    </mirror>\n  </mirrors>\n\
         </settings>\n",
    ),
];

#[test]
fn what_a_user_has_stays() {
    for (client, file, before, after) in EXTENDED {
        let home = Home::new();
        home.write(file, before);
        let plan = home.plan(*client, BASE);
        assert!(
            matches!(apply(&plan).unwrap()[0], Outcome::Extended(_)),
            "{client}"
        );
        assert_eq!(home.read(file), *after, "{client}");
        assert!(
            matches!(apply(&plan).unwrap()[0], Outcome::Unchanged(_)),
            "{client} again"
        );
        let copy = home.0.path().join(format!("{file}.bak"));
        assert_eq!(copy.exists(), *client == Client::Maven, "{client}");
    }
}

#[test]
fn mirrors_go_where_mirrors_are() {
    for before in [
        "<settings><mirrors/></settings>",
        "<settings><mirrors></mirrors></settings>",
        "<s:settings xmlns:s='x'><profiles/></s:settings>",
        "<settings><!-- </settings> --><mirrors><mirror><id>é</id><mirrorOf>snapshots</mirrorOf>\
         <url>http://corp.test/</url></mirror></mirrors></settings>",
    ] {
        let merged = settings::merge(before, "http://gate.test/a&b/").unwrap();
        let mirrors = crate::config::discover::xml::elements(&merged, "settings/mirrors/mirror");
        let added = mirrors.last().unwrap();
        assert_eq!(added["url"], "http://gate.test/a&b/", "{merged}");
        assert_eq!(
            settings::merge(&merged, "http://gate.test/a&b/").unwrap(),
            merged
        );
    }
}

/// Client, file, what is in the way, what the message advises.
const IN_THE_WAY: &[(Client, &str, &str, &str)] = &[
    (
        Client::Npm,
        ".npmrc",
        "registry = http://u:hidden@corp.test/",
        "line 1 sets `registry`",
    ),
    (
        Client::Yarn,
        ".yarnrc.yml",
        "npmRegistryServer: 'http://corp.test'",
        "remove the line",
    ),
    (
        Client::Yarn,
        ".yarnrc.yml",
        "unsafeHttpWhitelist:\n  - corp.test",
        "add it to the list",
    ),
    (
        Client::Yarn,
        ".yarnrc",
        "registry \"http://corp.test\"",
        "remove the line",
    ),
    (
        Client::Pip,
        ".config/pip/pip.conf",
        "[global]\nindex_url: http://corp.test/",
        "line 2",
    ),
    (
        Client::Twine,
        ".pypirc",
        "[portcullis]\nrepository: http://corp.test/",
        "run this again",
    ),
    (
        Client::Uv,
        ".config/uv/uv.toml",
        "index-url = 'http://corp.test/'",
        "remove it",
    ),
    (
        Client::Uv,
        ".config/uv/uv.toml",
        "index = [{ url = 'http://corp.test/' }]",
        "by hand",
    ),
    (Client::Uv, ".config/uv/uv.toml", "not toml", "correct it"),
    (
        Client::Maven,
        ".m2/settings.xml",
        "<settings><mirrors><mirror><id>c</id><mirrorOf>*,!x</mirrorOf><url>u</url></mirror>\
         </mirrors></settings>",
        "set its <url>",
    ),
    (
        Client::Maven,
        ".m2/settings.xml",
        "<project></project>",
        "correct it",
    ),
    (
        Client::Maven,
        ".m2/settings.xml",
        "<settings><mirrors>",
        "correct it",
    ),
    (
        Client::Gradle,
        ".gradle/init.d/portcullis.gradle",
        "// mine",
        "remove it",
    ),
];

#[test]
fn a_conflict_is_refused_before_anything_is_written() {
    for (client, file, before, advice) in IN_THE_WAY {
        let home = Home::new();
        home.write(file, before);
        let plan = home.plan(*client, BASE);
        let message = apply(&plan).expect_err(before).to_string();
        assert!(message.contains(advice), "{client}: {message}");
        assert!(
            message.contains(file) && !message.contains("hidden"),
            "{client}: {message}"
        );
        assert_eq!(home.read(file), *before, "{client}");
        let others = plan.edits.iter().filter(|edit| !edit.file.ends_with(file));
        assert_eq!(
            others.filter(|edit| edit.file.exists()).count(),
            0,
            "{client}"
        );
    }
}

#[test]
fn plain_http_to_another_machine_is_told_to_clients_that_ask() {
    let home = Home::new();
    let text = |client, base| home.plan(client, base).edits[0].text_to_add.clone();
    assert!(text(Client::Pip, "http://gate.test").contains("trusted-host = gate.test"));
    assert!(!text(Client::Pip, "http://localhost:1").contains("trusted-host"));
    assert!(!text(Client::Pip, "https://gate.test").contains("trusted-host"));
    let notes = |base| home.plan(Client::Maven, base).notes.join(" ");
    assert!(notes("http://gate.test").contains("3.8.1") && !notes(BASE).contains("3.8.1"));
}

#[test]
fn what_can_not_be_written_is_refused() {
    let surroundings = Surroundings {
        env: BTreeMap::new(),
        root: "/".into(),
        home: "/nowhere".into(),
    };
    for (base, repository) in [
        ("gate.test", "a"),
        ("http://u:p@gate.test", "a"),
        (BASE, ""),
        (BASE, "a b"),
        (BASE, "../a"),
    ] {
        assert!(
            plan(Client::Npm, base, repository, &surroundings).is_err(),
            "{base} {repository}"
        );
    }
    assert!(
        "cargo"
            .parse::<Client>()
            .unwrap_err()
            .to_string()
            .contains("known are npm")
    );
    for client in Client::ALL {
        assert_eq!(client.to_string().parse::<Client>().unwrap(), client);
    }
}
