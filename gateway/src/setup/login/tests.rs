//! Tokens into the files that users have.

use std::collections::BTreeMap;
use std::fs;

use super::super::{Outcome, apply};
use super::*;

const BASE: &str = "http://127.0.0.1:8080";

struct Home {
    folder: tempfile::TempDir,
    token: TokenText,
}

impl Home {
    fn new() -> Self {
        Home {
            folder: tempfile::tempdir().unwrap(),
            token: TokenText::generate().unwrap(),
        }
    }

    fn surroundings(&self) -> Surroundings {
        let home = self.folder.path().to_owned();
        Surroundings {
            env: BTreeMap::new(),
            root: home.clone(),
            home,
        }
    }

    fn plan(&self, client: Client, base: &str, scope: Option<&str>) -> Result<Plan, SetupError> {
        let wanted = Login {
            base,
            repository: "public",
            scope,
            token: &self.token,
        };
        login(client, &wanted, &self.surroundings())
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text.replace("TOKEN", self.token.reveal())).unwrap();
    }

    /// With the token's place in it.
    fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap();
        text.replace(self.token.reveal(), "TOKEN")
    }

    #[cfg(unix)]
    fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = fs::metadata(self.folder.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    }
}

const NPMRC: &str = ".npmrc";
const PIP: &str = ".config/pip/pip.conf";
const PYPIRC: &str = ".pypirc";
const SETTINGS: &str = ".m2/settings.xml";
const KEY: &str = "//127.0.0.1:8080/npm/public/:_authToken=TOKEN\n";

/// Client, scope, file, what is there, what must be there afterwards.
type Case = (
    Client,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static str,
);

const WRITTEN: &[Case] = &[
    (
        Client::Npm,
        None,
        NPMRC,
        "",
        "registry=http://127.0.0.1:8080/npm/public/\nKEY",
    ),
    (
        Client::Npm,
        Some("mycompany"),
        NPMRC,
        "registry=http://upstream.test/\n//upstream.test/:_authToken=theirs\n",
        "registry=http://upstream.test/\n//upstream.test/:_authToken=theirs\n\
         @mycompany:registry=http://127.0.0.1:8080/npm/public/\nKEY",
    ),
    // A renewal: in its place, without the older kinds, other repositories' tokens untouched.
    (
        Client::Pnpm,
        None,
        NPMRC,
        "; mine\n  registry = \"http://127.0.0.1:8080/npm/other/\"\n\
         //127.0.0.1:8080/npm/public/:_authToken=${OLD}\nsave-exact=true\n\
         //127.0.0.1:8080/npm/public/:_auth=b2xk\n\
         //127.0.0.1:8080/npm/public/:_authToken=older\n\
         //127.0.0.1:8080/npm/other/:_authToken=other\n#end",
        "; mine\nregistry=http://127.0.0.1:8080/npm/public/\nKEYsave-exact=true\n\
         //127.0.0.1:8080/npm/other/:_authToken=other\n#end\n",
    ),
    (
        Client::Npm,
        Some("@a"),
        NPMRC,
        "x=1\r\n\r\n[section]\r\n@a:registry=http://upstream.test/\r\n",
        "x=1\r\n@a:registry=http://127.0.0.1:8080/npm/public/\r\n\
         //127.0.0.1:8080/npm/public/:_authToken=TOKEN\r\n\r\n[section]\r\n\
         @a:registry=http://upstream.test/\r\n",
    ),
    (
        Client::Pip,
        None,
        PIP,
        "",
        "[global]\nindex-url = http://__token__:TOKEN@127.0.0.1:8080/pypi/public/simple/\n",
    ),
    (
        Client::Pip,
        None,
        PIP,
        "[global]\ntimeout = 60\nIndex_URL:\n    http://aws:old@127.0.0.1:8080/pypi/a/simple/\n\
         extra-index-url = http://upstream.test/simple/\n\n[install]\nindex-url = x\n",
        "[global]\ntimeout = 60\n\
         index-url = http://__token__:TOKEN@127.0.0.1:8080/pypi/public/simple/\n\
         extra-index-url = http://upstream.test/simple/\n\n[install]\nindex-url = x\n",
    ),
    (
        Client::Twine,
        None,
        PYPIRC,
        "",
        "[distutils]\nindex-servers =\n    pypi\n    portcullis\n\n[portcullis]\n\
         repository = http://127.0.0.1:8080/pypi/public/\nusername = __token__\n\
         password = TOKEN\n",
    ),
    (
        Client::Twine,
        None,
        PYPIRC,
        "[distutils]\nindex-servers =\n    corp\n    portcullis\n\n[portcullis]\n\
         username = __token__\nrepository = http://127.0.0.1:8080/pypi/public/\n\n[corp]\n\
         repository = http://upstream.test/\npassword = theirs\n",
        "[distutils]\nindex-servers =\n    corp\n    portcullis\n\n[portcullis]\n\
         username = __token__\nrepository = http://127.0.0.1:8080/pypi/public/\n\
         password = TOKEN\n\n[corp]\nrepository = http://upstream.test/\npassword = theirs\n",
    ),
    (
        Client::Twine,
        None,
        PYPIRC,
        "[distutils]\nindex-servers = corp\n[portcullis]\npassword: old%(x)s\n",
        "[distutils]\nindex-servers = corp\n    portcullis\n[portcullis]\npassword = TOKEN\n\
         repository = http://127.0.0.1:8080/pypi/public/\nusername = __token__\n",
    ),
    (
        Client::Maven,
        None,
        SETTINGS,
        "",
        "<settings>\n  <servers>\n    <server>\n      <id>portcullis</id>\n      \
         <username>__token__</username>\n      <password>TOKEN</password>\n    </server>\n  \
         </servers>\n</settings>\n",
    ),
    (
        Client::Maven,
        None,
        SETTINGS,
        "<?xml version='1.0'?>\n<!-- <servers/> -->\n<settings>\n  <servers>\n    <server>\
         <id>corp</id><password>theirs</password></server>\n    <server>\n      \
         <password>old</password> <!-- mine -->\n      <id> portcullis </id>\n      \
         <configuration><username>kept</username></configuration>\n    </server>\n  \
         </servers>\n</settings>\n<!-- end -->\n",
        "<?xml version='1.0'?>\n<!-- <servers/> -->\n<settings>\n  <servers>\n    <server>\
         <id>corp</id><password>theirs</password></server>\n    <server>\n      \
         <password>TOKEN</password> <!-- mine -->\n      <id> portcullis </id>\n      \
         <configuration><username>kept</username></configuration>\n      \
         <username>__token__</username>\n    </server>\n  </servers>\n</settings>\n\
         <!-- end -->\n",
    ),
    (
        Client::Maven,
        None,
        SETTINGS,
        "<settings><servers><server><id>portcullis</id></server></servers></settings>",
        "<settings><servers><server><id>portcullis</id>  <username>__token__</username>\n      \
         <password>TOKEN</password>\n    </server></servers></settings>",
    ),
    (
        Client::Maven,
        None,
        SETTINGS,
        "<settings><servers/><profiles><servers/></profiles></settings>",
        "<settings><servers>\n    <server>\n      <id>portcullis</id>\n      \
         <username>__token__</username>\n      <password>TOKEN</password>\n    </server>\n  \
         </servers><profiles><servers/></profiles></settings>",
    ),
    (
        Client::Maven,
        None,
        SETTINGS,
        "<settings>\n  <mirrors/>\n  <servers>\n    <server><id>x</id></server>\n  </servers>\n\
         </settings>\n",
        "<settings>\n  <mirrors/>\n  <servers>\n    <server><id>x</id></server>\n      \
         <server>\n      <id>portcullis</id>\n      <username>__token__</username>\n      \
         <password>TOKEN</password>\n    </server>\n  </servers>\n</settings>\n",
    ),
];

#[test]
fn tokens_go_where_clients_read_them_and_the_rest_stays() {
    for (client, scope, file, before, after) in WRITTEN {
        let home = Home::new();
        if !before.is_empty() {
            home.write(file, before);
        }
        let plan = home.plan(*client, BASE, *scope).unwrap();
        apply(&plan).unwrap();
        assert_eq!(home.read(file), after.replace("KEY", KEY), "{client}");
        let again = apply(&plan).unwrap();
        assert!(matches!(again[0], Outcome::Unchanged(_)), "{client} again");
        if before.is_empty() {
            let shown = plan.edits[0]
                .text_to_add
                .replace(home.token.reveal(), "TOKEN");
            assert_eq!(shown, home.read(file), "{client}");
        }
    }
}

#[cfg(unix)]
#[test]
fn files_with_tokens_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    for (client, scope, file, before, _) in WRITTEN {
        let home = Home::new();
        let path = home.folder.path().join(file);
        if !before.is_empty() {
            home.write(file, before);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        }
        let plan = home.plan(*client, BASE, *scope).unwrap();
        apply(&plan).unwrap();
        assert_eq!(home.mode(file), 0o600, "{client}");
        let copy = format!("{file}.bak");
        if home.folder.path().join(&copy).exists() {
            assert_eq!(home.mode(&copy), 0o600, "{client}");
        }
        // Also where the token was there already.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        apply(&plan).unwrap();
        assert_eq!(home.mode(file), 0o600, "{client}");
    }
}

#[test]
fn a_new_token_replaces_the_old_one() {
    for client in [Client::Npm, Client::Pip, Client::Twine, Client::Maven] {
        let mut home = Home::new();
        apply(&home.plan(client, BASE, None).unwrap()).unwrap();
        let plan = home.plan(client, BASE, None).unwrap();
        let file = plan.edits[0].file.clone();
        let first = fs::read_to_string(&file).unwrap();
        let old = std::mem::replace(&mut home.token, TokenText::generate().unwrap());
        apply(&home.plan(client, BASE, None).unwrap()).unwrap();
        let second = fs::read_to_string(&file).unwrap();
        assert_eq!(
            second,
            first.replace(old.reveal(), home.token.reveal()),
            "{client}"
        );
    }
}

/// Client, file, what is in the way, what the message says.
const IN_THE_WAY: &[(Client, &str, &str, &str)] = &[
    (
        Client::Npm,
        NPMRC,
        "a=1\nregistry=http://u:hidden@upstream.test/",
        "line 2 sets",
    ),
    (
        Client::Npm,
        NPMRC,
        "registry=http://upstream.test/hidden",
        "--scope",
    ),
    // The same host with another port is another registry.
    (
        Client::Npm,
        NPMRC,
        "registry=http://127.0.0.1:80801/hidden",
        "remove the line",
    ),
    (
        Client::Pip,
        PIP,
        "[global]\nindex-url=http://u:hidden@upstream.test/",
        "line 2",
    ),
    (
        Client::Twine,
        PYPIRC,
        "[portcullis]\nrepository=http://upstream.test/hidden",
        "line ",
    ),
    (
        Client::Maven,
        SETTINGS,
        "<project>hidden</project>",
        "correct it",
    ),
    (
        Client::Maven,
        SETTINGS,
        "<settings><servers><!-- hidden -->",
        "correct it",
    ),
    (
        Client::Maven,
        SETTINGS,
        "<settings></servers>hidden",
        "correct it",
    ),
];

#[test]
fn other_registries_are_not_replaced() {
    for (client, file, before, words) in IN_THE_WAY {
        let home = Home::new();
        home.write(file, before);
        let plan = home.plan(*client, BASE, None).unwrap();
        let message = apply(&plan).expect_err(before).to_string();
        assert!(
            message.contains(words) && message.contains(file),
            "{message}"
        );
        assert!(!message.contains("hidden"), "{message}");
        assert_eq!(home.read(file), *before, "{client}");
    }
}

#[test]
fn deep_documents_are_refused() {
    let home = Home::new();
    home.write(SETTINGS, &format!("<settings>{}", "<a>".repeat(100_000)));
    assert!(apply(&home.plan(Client::Maven, BASE, None).unwrap()).is_err());
}

#[test]
fn secrets_are_in_files_and_nowhere_else() {
    for client in Client::ALL {
        for base in [BASE, "http://gate.test", "https://gate.test/packages/"] {
            let home = Home::new();
            let plan = home.plan(client, base, None).unwrap();
            let secret = home.token.reveal();
            assert!(!format!("{plan:?}").contains(secret), "{client}");
            let said = [plan.commands.join("\n"), plan.notes.join("\n")].concat();
            assert!(!said.contains(secret), "{client}");
            assert_eq!(
                said.contains("$PORTCULLIS_TOKEN"),
                plan.edits.is_empty(),
                "{client}"
            );
            assert_eq!(
                said.contains("plain http"),
                base == "http://gate.test",
                "{client}"
            );
            let readable = plan
                .edits
                .iter()
                .all(|edit| edit.text_to_add.contains(secret));
            assert!(readable, "{client}");
        }
    }
}

#[test]
fn pip_trusts_a_host_of_plain_http() {
    let home = Home::new();
    let text = |base| {
        home.plan(Client::Pip, base, None).unwrap().edits[0]
            .text_to_add
            .clone()
    };
    assert!(text("http://gate.test:81").starts_with("[global]\ntrusted-host = gate.test\nindex"));
    assert!(!text("https://gate.test").contains("trusted-host"));
    assert!(text("https://gate.test/a").contains("@gate.test/a/pypi/public/simple/\n"));
}

#[test]
fn a_gateway_that_moved_to_https_is_still_itself() {
    let home = Home::new();
    apply(&home.plan(Client::Npm, "http://gate.test", None).unwrap()).unwrap();
    apply(&home.plan(Client::Npm, "https://gate.test", None).unwrap()).unwrap();
    assert!(
        home.read(NPMRC)
            .starts_with("registry=https://gate.test/npm/public/\n")
    );
}

#[test]
fn scopes_are_checked() {
    let home = Home::new();
    for (client, scope, words) in [
        (Client::Npm, "", "small letters"),
        (Client::Npm, "@", "small letters"),
        (Client::Npm, "A", "small letters"),
        (Client::Npm, "a\nregistry=x", "small letters"),
        (Client::Pip, "a", "leave it out"),
    ] {
        let message = home
            .plan(client, BASE, Some(scope))
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    }
    assert!(home.plan(Client::Npm, "gate.test", None).is_err());
}
