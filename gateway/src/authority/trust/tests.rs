//! Plans on a machine made of temporary folders; programs are played.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Mutex;

use rcgen::{CertificateParams, KeyPair};

use super::command::Answer;
use super::*;
use crate::setup::Client;

struct Machine {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
    ran: Mutex<Vec<String>>,
}

fn certificate() -> String {
    let key = KeyPair::generate().unwrap();
    CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .pem()
}

impl Machine {
    fn new() -> Self {
        let machine = Machine {
            folder: tempfile::tempdir().unwrap(),
            env: BTreeMap::new(),
            ran: Mutex::default(),
        };
        machine.write("data/authority/authority.pem", &certificate());
        machine.write(
            "etc/ssl/certs/ca-certificates.crt",
            &(certificate() + &certificate()),
        );
        machine.write("jdk/lib/security/cacerts", "a store");
        fs::create_dir(machine.path("home")).unwrap();
        machine
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn on<T>(&self, act: impl FnOnce(&Scene<'_>) -> T) -> T {
        let mut env = self.env.clone();
        env.insert(
            "JAVA_HOME".to_owned(),
            self.path("jdk").display().to_string(),
        );
        let surroundings = Surroundings {
            env,
            home: self.path("home"),
            root: self.path(""),
        };
        let run = |it: &Invocation| self.play(it);
        act(&Scene::read(&self.path("data"), &surroundings, &run).unwrap())
    }

    /// A keytool that copies, and everything else that succeeds.
    fn play(&self, invocation: &Invocation) -> io::Result<Answer> {
        self.ran.lock().unwrap().push(invocation.shown());
        let after = |name: &str| {
            let at = invocation.arguments.iter().position(|it| it == name)?;
            invocation.arguments.get(at + 1)
        };
        if let (Some(from), Some(to)) = (after("-srckeystore"), after("-destkeystore")) {
            fs::copy(from, to)?;
        }
        let success = true;
        Ok(Answer {
            success,
            ..Answer::default()
        })
    }

    fn trust(&self, truster: Truster) -> Vec<Change> {
        self.on(|scene| apply(&plan(truster, scene).unwrap(), scene.run).unwrap())
    }

    fn undo(&self, truster: Truster) -> Vec<Change> {
        self.on(|scene| apply(&undo(truster, scene).unwrap(), scene.run).unwrap())
    }

    fn holds_authority(&self, name: &str) -> bool {
        self.on(|scene| bundle::holds(&self.path(name), &scene.authority).unwrap())
    }

    /// Every file below `home`, and its text.
    fn home(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path("home")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let text = fs::read_to_string(&path).unwrap();
                        found.insert(path, text);
                    }
                }
            }
        }
        found
    }
}

const EVERYONE: [Truster; 10] = [
    Truster::Client(Client::Npm),
    Truster::Client(Client::Pnpm),
    Truster::Client(Client::Yarn),
    Truster::Client(Client::Pip),
    Truster::Client(Client::Uv),
    Truster::Client(Client::Poetry),
    Truster::Client(Client::Twine),
    Truster::Client(Client::Maven),
    Truster::Client(Client::Gradle),
    Truster::Shell,
];

fn fill(machine: &Machine) {
    machine.write("home/.npmrc", "fund=false\n//registry.test/:_authToken=x");
    machine.write("home/.yarnrc", "# mine\n");
    machine.write("home/.yarnrc.yml", "nodeLinker: node-modules\n");
    machine.write("home/.config/pip/pip.conf", "[install]\r\nuser = true\r\n");
    machine.write("home/.profile", "umask 22");
    machine.write("home/.bashrc", "");
    machine.write("home/.mavenrc", "MAVEN_OPTS=\"-Xmx1g\"\n");
    machine.write(
        "home/.gradle/gradle.properties",
        "org.gradle.daemon=false\n",
    );
}

#[test]
fn twice_is_once_and_undoing_leaves_what_was_there() {
    for shell in ["/bin/bash", "/usr/bin/zsh", "/usr/bin/fish", "/bin/sh"] {
        for has_files in [true, false] {
            for truster in EVERYONE {
                let machine = Machine::new().with("SHELL", shell);
                if has_files {
                    fill(&machine);
                }
                let before = machine.home();
                machine.trust(truster);
                let once = machine.home();
                assert_ne!(once, before, "{truster}");
                for change in machine.trust(truster) {
                    assert!(
                        matches!(change, Change::Unchanged(_)),
                        "{truster}: {change:?}"
                    );
                }
                machine.undo(truster);
                assert_eq!(machine.home(), before, "{truster}");
                let left = fs::read_dir(machine.path("data/authority/trust"));
                let left = left.map_or(0, |entries| entries.count());
                assert_eq!(left, 0, "{truster}");
                assert!(machine.undo(truster).is_empty(), "{truster}");
            }
        }
    }
}

#[test]
fn all_together_and_undone_in_the_same_order() {
    let machine = Machine::new().with("SHELL", "/bin/bash");
    fill(&machine);
    let before = machine.home();
    let _ = EVERYONE.map(|truster| machine.trust(truster));
    let _ = EVERYONE.map(|truster| machine.undo(truster));
    assert_eq!(machine.home(), before);
}

#[test]
fn a_bundle_that_a_client_names_is_added_to_and_nothing_else_is_trusted() {
    for (client, file, text, bundle) in [
        (
            Client::Npm,
            ".npmrc",
            "a=b\ncafile = HOME/corp.pem\n",
            "npm",
        ),
        (Client::Npm, ".npmrc", "cafile=${CORP}", "npm"),
        (
            Client::Yarn,
            ".yarnrc",
            "cafile \"HOME/corp.pem\"\n",
            "yarn",
        ),
        (
            Client::Yarn,
            ".yarnrc.yml",
            "httpsCaFilePath: HOME/corp.pem\n",
            "yarn-berry",
        ),
        (
            Client::Pip,
            ".config/pip/pip.conf",
            "[global]\ncert: HOME/corp.pem",
            "pip",
        ),
        (
            Client::Pip,
            ".config/pip/pip.conf",
            "[install]\ncert =\n  HOME/corp.pem\n",
            "pip",
        ),
        (
            Client::Pip,
            ".pip/pip.conf",
            "[global]\ncert = HOME/corp.pem",
            "pip",
        ),
    ] {
        let machine = Machine::new();
        let home = machine.path("home").display().to_string();
        let machine = machine.with("CORP", &format!("{home}/corp.pem"));
        machine.write("home/corp.pem", &certificate());
        machine.write(&format!("home/{file}"), &text.replace("HOME", &home));
        let before = machine.home();
        machine.trust(Truster::Client(client));
        let file = machine.path(&format!("data/authority/trust/bundle-{bundle}.pem"));
        let found = bundle::certificates(&file).unwrap();
        let corp = bundle::certificates(&machine.path("home/corp.pem")).unwrap();
        assert_eq!((found.len(), &found[0]), (2, &corp[0]), "{client} {text}");
        for change in machine.trust(Truster::Client(client)) {
            assert!(
                matches!(change, Change::Unchanged(_)),
                "{client}: {change:?}"
            );
        }
        machine.undo(Truster::Client(client));
        assert_eq!(machine.home(), before, "{client} {text}");
    }
}

#[test]
fn a_variable_goes_on_naming_what_it_named() {
    let machine = Machine::new();
    let corp = machine.path("corp.pem").display().to_string();
    machine.write("corp.pem", &certificate());
    let machine = machine
        .with("REQUESTS_CA_BUNDLE", &corp)
        .with("NODE_EXTRA_CA_CERTS", &corp);
    machine.trust(Truster::Shell);
    let profile = machine.read("home/.profile");
    assert!(
        profile.contains(&format!("# was REQUESTS_CA_BUNDLE={corp}")),
        "{profile}"
    );
    let roots = |name: &str| {
        let file = machine.path(&format!("data/authority/trust/bundle{name}.pem"));
        bundle::certificates(&file).unwrap().len()
    };
    assert_eq!(
        (
            roots(""),
            roots("-requests_ca_bundle"),
            roots("-node_extra_ca_certs")
        ),
        (3, 2, 2)
    );
    assert!(!profile.contains("YARN"), "{profile}");
    let strong = Machine::new().with("YARN_HTTPS_CA_FILE_PATH", &corp);
    strong.trust(Truster::Shell);
    assert!(
        strong
            .read("home/.profile")
            .contains("export YARN_HTTPS_CA_FILE_PATH=")
    );
    // The next time, the variables are those of the profile.
    let own = |name: &str| {
        let file = format!(
            "data/authority/trust/bundle-{}.pem",
            name.to_ascii_lowercase()
        );
        machine.path(&file).display().to_string()
    };
    let names = ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
    let values = names.map(own);
    let machine = machine
        .with(names[0], &values[0])
        .with(names[1], &values[1]);
    for change in machine.trust(Truster::Shell) {
        assert!(matches!(change, Change::Unchanged(_)), "{change:?}");
    }
}

#[test]
fn another_authority_is_brought_in() {
    let machine = Machine::new();
    let _ = EVERYONE.map(|truster| machine.trust(truster));
    machine.write("data/authority/authority.pem", &certificate());
    assert!(!machine.holds_authority("data/authority/trust/bundle.pem"));
    let changes = EVERYONE.map(|truster| machine.trust(truster));
    assert!(machine.holds_authority("data/authority/trust/bundle.pem"));
    let store = machine.path("data/authority/trust/trust.p12");
    assert!(changes.concat().contains(&Change::Written(store)));
}

#[test]
fn java_starts_with_the_store_that_is_named() {
    let machine = Machine::new();
    machine.write("corp.p12", "of the company");
    let corp = machine.path("corp.p12").display().to_string();
    let line = format!("MAVEN_OPTS=\"-Djavax.net.ssl.trustStore={corp}\"\n");
    machine.write("home/.mavenrc", &line);
    machine.trust(Truster::Client(Client::Maven));
    assert_eq!(
        machine.read("data/authority/trust/trust-maven.p12"),
        "of the company"
    );
    assert!(machine.read("home/.mavenrc").starts_with(&line));
    assert_eq!(
        java::property(
            "-Da=b -Djavax.net.ssl.trustStore=/x y",
            "javax.net.ssl.trustStore"
        ),
        Some("/x".to_owned())
    );
}

#[test]
fn the_system_is_told_in_its_own_way() {
    for (sign, file, update, fresh) in [
        (
            "etc/ca-certificates.conf",
            "usr/local/share/ca-certificates/portcullis.crt",
            "update-ca-certificates",
            "update-ca-certificates --fresh",
        ),
        (
            "etc/alpine-release",
            "usr/local/share/ca-certificates/portcullis.crt",
            "update-ca-certificates",
            "update-ca-certificates",
        ),
        (
            "etc/pki/ca-trust/source/anchors/x",
            "etc/pki/ca-trust/source/anchors/portcullis.crt",
            "update-ca-trust extract",
            "update-ca-trust extract",
        ),
        (
            "etc/pki/trust/anchors/x",
            "etc/pki/trust/anchors/portcullis.crt",
            "update-ca-certificates",
            "update-ca-certificates",
        ),
    ] {
        let machine = Machine::new();
        machine.write(sign, "");
        machine.trust(Truster::System);
        assert!(machine.holds_authority(file), "{sign}");
        assert_eq!(*machine.ran.lock().unwrap(), [update], "{sign}");
        machine.ran.lock().unwrap().clear();
        // What the update does.
        let bundle = "etc/ssl/certs/ca-certificates.crt";
        machine.write(bundle, &(machine.read(bundle) + &machine.read(file)));
        for change in machine.trust(Truster::System) {
            assert!(matches!(change, Change::Unchanged(_)), "{sign}: {change:?}");
        }
        // uv asks the system then, and no profile is touched.
        machine.trust(Truster::Client(Client::Uv));
        assert!(
            machine
                .read("home/.config/uv/uv.toml")
                .contains("\nsystem-certs = true\n")
        );
        assert!(!machine.path("home/.profile").exists());
        machine.ran.lock().unwrap().clear();
        machine.undo(Truster::System);
        assert!(!machine.path(file).exists(), "{sign}");
        assert_eq!(*machine.ran.lock().unwrap(), [fresh], "{sign}");
        assert!(machine.undo(Truster::System).is_empty());
    }
    let nowhere = Machine::new();
    let message = nowhere.on(|scene| plan(Truster::System, scene).unwrap_err().to_string());
    assert!(message.contains("is not known"), "{message}");
}

#[test]
fn what_can_not_be_done_is_said_with_what_to_do() {
    let machine = Machine::new().with("SSL_CERT_FILE", "/nowhere/at/all.pem");
    let message = |machine: &Machine, client| {
        machine.on(|scene| {
            plan(Truster::Client(client), scene)
                .unwrap_err()
                .to_string()
        })
    };
    assert!(message(&machine, Client::Npm).contains("correct the setting"));
    let bare = Machine::new();
    fs::remove_file(bare.path("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(message(&bare, Client::Pip).contains("ca-certificates"));
    let strong = Machine::new().with("PIP_CERT", "/x");
    let notes = strong.on(|scene| plan(Truster::Client(Client::Pip), scene).unwrap().notes);
    assert!(notes[0].contains("PIP_CERT"), "{notes:?}");
    assert!("cargo".parse::<Truster>().unwrap_err().contains("shell"));
    for truster in EVERYONE.into_iter().chain([Truster::System]) {
        assert_eq!(truster.to_string().parse::<Truster>().unwrap(), truster);
    }
}
