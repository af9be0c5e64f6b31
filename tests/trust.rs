//! `authority trust` with the real clients: a loopback server whose certificate is of an authority
//! that nobody knows, and a second one of a root that the machine trusts already.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use gateway::authority::trust::command::of_machine;
use gateway::authority::trust::{Scene, Truster, apply, bundle, plan, undo};
use gateway::config::{Own, Surroundings};
use gateway::doctor;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivateKeyDer;

/// A server of a few documents, and what it was asked for.
struct Server {
    url: String,
    /// PEM.
    authority: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(name: &str) -> Server {
        let (issuer, authority) = authority(name);
        let config = config(&issuer);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "https://localhost:{}/",
            listener.local_addr().unwrap().port()
        );
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, base) = (Arc::clone(&asked), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, log, base) = (Arc::clone(&config), Arc::clone(&log), base.clone());
                std::thread::spawn(move || answer(stream, config, &log, &base));
            }
        });
        Server {
            url,
            authority,
            asked,
        }
    }

    /// How much was asked since the last time.
    fn asked(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap()).len()
    }
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

fn config(issuer: &Issuer<'_, KeyPair>) -> Arc<rustls::ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.use_authority_key_identifier_extension = true;
    let shown = params.signed_by(&key, issuer).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = builder
        .with_no_client_auth()
        .with_single_cert(vec![shown], key);
    Arc::new(config.unwrap())
}

fn answer(
    stream: std::net::TcpStream,
    config: Arc<rustls::ServerConfig>,
    log: &Mutex<Vec<String>>,
    base: &str,
) {
    let session = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::StreamOwned::new(session, stream);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            // A client that does not trust the certificate.
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let (status, kind, body) = document(&path, base);
    log.lock().unwrap().push(path);
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn document(path: &str, base: &str) -> (&'static str, &'static str, String) {
    match path.trim_end_matches('/') {
        "/demo" => (
            "200 OK",
            "application/json",
            format!(
                "{{\"name\":\"demo\",\"dist-tags\":{{\"latest\":\"1.0.0\"}},\"versions\":{{\
                 \"1.0.0\":{{\"name\":\"demo\",\"version\":\"1.0.0\",\"dist\":{{\
                 \"tarball\":\"{base}demo.tgz\",\"shasum\":\"{}\"}}}}}}}}",
                "0".repeat(40)
            ),
        ),
        "/simple/demo" => (
            "200 OK",
            "text/html",
            format!("<a href=\"{base}demo-1.0-py3-none-any.whl\">demo-1.0-py3-none-any.whl</a>"),
        ),
        "/test/parent/1/parent-1.pom" => (
            "200 OK",
            "text/xml",
            "<project><modelVersion>4.0.0</modelVersion><groupId>test</groupId>\
             <artifactId>parent</artifactId><version>1</version><packaging>pom</packaging>\
             </project>"
                .to_owned(),
        ),
        _ => ("404 Not Found", "text/plain", "nothing".to_owned()),
    }
}

/// A home, a machine's roots, and a gateway's data folder.
struct Sandbox {
    folder: tempfile::TempDir,
    ours: Server,
    known: Server,
}

impl Sandbox {
    fn new() -> Sandbox {
        let sandbox = Sandbox {
            folder: tempfile::tempdir().unwrap(),
            ours: Server::start("the gateway's authority"),
            known: Server::start("a root that the machine trusts"),
        };
        sandbox.write("data/authority/authority.pem", &sandbox.ours.authority);
        let system = bundle::of_system(&Surroundings::of_process()).expect("ca-certificates");
        let roots = fs::read_to_string(system).unwrap() + &sandbox.known.authority;
        sandbox.write("etc/ssl/certs/ca-certificates.crt", &roots);
        for name in ["home", "project", "tmp"] {
            fs::create_dir(sandbox.path(name)).unwrap();
        }
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn on<T>(&self, act: impl FnOnce(&Scene<'_>) -> T) -> T {
        let mut env = BTreeMap::new();
        for name in ["PATH", "JAVA_HOME"] {
            env.extend(std::env::var(name).map(|value| (name.to_owned(), value)));
        }
        env.insert(
            "PREFIX".to_owned(),
            self.path("prefix").display().to_string(),
        );
        let surroundings = Surroundings {
            env,
            home: self.path("home"),
            root: self.path(""),
        };
        let run = of_machine(&surroundings);
        act(&Scene::read(&self.path("data"), &surroundings, &run).unwrap())
    }

    fn trust(&self, truster: Truster) {
        self.on(|scene| apply(&plan(truster, scene).unwrap(), scene.run).unwrap());
    }

    fn undo(&self, truster: Truster) {
        self.on(|scene| apply(&undo(truster, scene).unwrap(), scene.run).unwrap());
    }

    /// Runs a client in a new project, with the user's profile read; what it said.
    fn run(&self, client: &Recipe, server: &Server) -> String {
        for name in ["project", "cache"] {
            let _ = fs::remove_dir_all(self.path(name));
            fs::create_dir(self.path(name)).unwrap();
        }
        (client.project)(self, &server.url);
        let command = client
            .command
            .replace("URL/", &server.url)
            .replace(
                "CLIENTS",
                &crate::support::clients::clients_folder()
                    .display()
                    .to_string(),
            )
            .replace("HOME", &self.path("home").display().to_string())
            .replace("CACHE", &self.path("cache").display().to_string());
        let text = format!("[ ! -f ~/.profile ] || . ~/.profile; exec {command}");
        let output = Command::new("timeout")
            .args(["120", "sh", "-c", &text])
            .current_dir(self.path("project"))
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            // Without what the machine's own npmrc says.
            .env("PREFIX", self.path("prefix"))
            .env("npm_config_globalconfig", self.path("prefix/etc/npmrc"))
            .env("npm_config_cache", self.path("cache"))
            .env("npm_config_fetch_retries", "0")
            .env("YARN_CACHE_FOLDER", self.path("cache"))
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("POETRY_CACHE_DIR", self.path("cache"))
            .env("POETRY_CONFIG_DIR", self.path("cache"))
            .env("POETRY_KEYRING_ENABLED", "false")
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = out + &String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() != Some(127),
            "{}: the client is missing: {said}",
            client.name
        );
        said
    }

    fn home(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let names = [
            ".npmrc",
            ".yarnrc",
            ".yarnrc.yml",
            ".config/pip/pip.conf",
            ".profile",
        ];
        let more = [".mavenrc", ".config/uv/uv.toml"];
        let files = names
            .iter()
            .chain(&more)
            .map(|name| self.path("home").join(name));
        files
            .filter_map(|file| Some((file.clone(), fs::read(file).ok()?)))
            .collect()
    }
}

/// A client, what its project holds, how it asks for `demo`.
struct Recipe {
    name: &'static str,
    project: fn(&Sandbox, &str),
    command: &'static str,
}

fn node_project(sandbox: &Sandbox, url: &str) {
    sandbox.write(
        "project/package.json",
        "{\"name\":\"app\",\"version\":\"1.0.0\"}\n",
    );
    sandbox.write("project/.npmrc", &format!("registry={url}\n"));
    sandbox.write("project/.yarnrc", &format!("registry \"{url}\"\n"));
    sandbox.write("project/yarn.lock", "");
    let text = format!(
        "npmRegistryServer: \"{url}\"\nenableTelemetry: false\nenableGlobalCache: false\n\
         httpRetry: 0\nnodeLinker: node-modules\n"
    );
    sandbox.write("project/.yarnrc.yml", &text);
}

fn poetry_project(sandbox: &Sandbox, url: &str) {
    let text = format!(
        "[project]\nname = \"app\"\nversion = \"1.0.0\"\nrequires-python = \">=3.9\"\n\
         dependencies = [\"demo\"]\n[tool.poetry]\npackage-mode = false\n\
         [[tool.poetry.source]]\nname = \"here\"\nurl = \"{url}simple/\"\n\
         priority = \"primary\"\n"
    );
    sandbox.write("project/pyproject.toml", &text);
}

fn maven_project(sandbox: &Sandbox, url: &str) {
    let parent = "<parent><groupId>test</groupId><artifactId>parent</artifactId>\
                  <version>1</version><relativePath/></parent>";
    let text = format!(
        "<project><modelVersion>4.0.0</modelVersion>{parent}<artifactId>app</artifactId>\
         <packaging>pom</packaging></project>"
    );
    sandbox.write("project/pom.xml", &text);
    let text = format!(
        "<settings><mirrors><mirror><id>here</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror>\
         </mirrors></settings>"
    );
    sandbox.write("project/settings.xml", &text);
}

/// A wheel as small as can be.
fn twine_project(sandbox: &Sandbox, _: &str) {
    let program = "import zipfile; z = zipfile.ZipFile('demo-1.0-py3-none-any.whl', 'w'); \
                   d = 'demo-1.0.dist-info/'; \
                   z.writestr(d + 'METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n'); \
                   z.writestr(d + 'WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n'); \
                   z.writestr(d + 'RECORD', ''); z.close()";
    let mut python = Command::new("python3");
    python
        .args(["-c", program])
        .current_dir(sandbox.path("project"));
    assert!(python.status().unwrap().success());
}

const RECIPES: &[Recipe] = &[
    Recipe {
        name: "npm",
        project: node_project,
        command: "npm view demo version",
    },
    Recipe {
        name: "pnpm",
        project: node_project,
        command: "CLIENTS/node_modules/.bin/pnpm add demo --store-dir CACHE",
    },
    Recipe {
        name: "yarn",
        project: node_project,
        command: "node CLIENTS/node_modules/yarn/bin/yarn.js add demo --non-interactive",
    },
    Recipe {
        name: "yarn",
        project: node_project,
        command: "node CLIENTS/node_modules/@yarnpkg/cli-dist/bin/yarn.js add demo",
    },
    Recipe {
        name: "pip",
        project: |_, _| {},
        command: "CLIENTS/venv/bin/python -m pip index versions demo --retries 0 \
                  --index-url URL/simple/",
    },
    Recipe {
        name: "uv",
        project: |_, _| {},
        command: "CLIENTS/venv/bin/uv pip install --no-cache --dry-run --target x \
                  --default-index URL/simple/ demo",
    },
    Recipe {
        name: "poetry",
        project: poetry_project,
        command: "CLIENTS/venv/bin/poetry lock -n",
    },
    Recipe {
        name: "twine",
        project: twine_project,
        command: "CLIENTS/venv/bin/twine upload --non-interactive -u a -p b \
                  --repository-url URL/ demo-1.0-py3-none-any.whl",
    },
    Recipe {
        name: "maven",
        project: maven_project,
        command: "mvn -B -q -Duser.home=HOME -Dmaven.repo.local=CACHE -s settings.xml validate",
    },
];

fn before(sandbox: &Sandbox) {
    sandbox.write("home/.npmrc", "fund=false\naudit=false");
    sandbox.write("home/.yarnrc", "# mine\n");
    sandbox.write("home/.config/pip/pip.conf", "[global]\r\ntimeout = 20\r\n");
    sandbox.write("home/.profile", "umask 22\n");
    // Java's own store does not know the other root; the one that is named does.
    let store = sandbox.path("corp.p12").display().to_string();
    sandbox.write("corp.pem", &sandbox.known.authority);
    let mut keytool = Command::new("keytool");
    keytool.args([
        "-importcert",
        "-noprompt",
        "-alias",
        "corp",
        "-storetype",
        "PKCS12",
    ]);
    keytool.args(["-storepass", "secret7", "-keystore", &store, "-file"]);
    assert!(
        keytool
            .arg(sandbox.path("corp.pem"))
            .status()
            .unwrap()
            .success()
    );
    let options = format!(
        "MAVEN_OPTS=\"-Djavax.net.ssl.trustStore={store} \
         -Djavax.net.ssl.trustStorePassword=secret7\"\n"
    );
    sandbox.write("home/.mavenrc", &options);
}

fn run(name: &str) {
    let truster: Truster = name.parse().unwrap();
    for recipe in RECIPES.iter().filter(|it| it.name == name) {
        let sandbox = Sandbox::new();
        before(&sandbox);
        let files = sandbox.home();
        let said = sandbox.run(recipe, &sandbox.ours);
        assert_eq!(sandbox.ours.asked(), 0, "{name} trusts everyone: {said}");
        sandbox.trust(truster);
        for server in [&sandbox.ours, &sandbox.known] {
            let said = sandbox.run(recipe, server);
            assert_ne!(server.asked(), 0, "{}: {said}", recipe.command);
        }
        sandbox.undo(truster);
        assert_eq!(sandbox.home(), files, "{name}");
        let said = sandbox.run(recipe, &sandbox.ours);
        assert_eq!(sandbox.ours.asked(), 0, "{name} still trusts it: {said}");
    }
}

#[test]
fn npm_trusts_and_forgets() {
    run("npm");
}

#[test]
fn pnpm_trusts_and_forgets() {
    run("pnpm");
}

#[test]
fn yarn_trusts_and_forgets() {
    run("yarn");
}

#[test]
fn pip_trusts_and_forgets() {
    run("pip");
}

#[test]
fn uv_trusts_and_forgets() {
    run("uv");
}

#[test]
fn poetry_trusts_and_forgets() {
    run("poetry");
}

#[test]
fn twine_trusts_and_forgets() {
    run("twine");
}

#[test]
fn maven_trusts_and_forgets() {
    run("maven");
}

/// The variables of the shell alone serve every client but Java's.
#[test]
fn a_shell_trusts_for_all() {
    let sandbox = Sandbox::new();
    sandbox.trust(Truster::Shell);
    // Berry's and Yarn 1's are the same variable.
    for recipe in RECIPES.iter().filter(|it| it.name != "maven") {
        let said = sandbox.run(recipe, &sandbox.ours);
        assert_ne!(sandbox.ours.asked(), 0, "{}: {said}", recipe.command);
    }
}

/// Where nothing is named, Java's own roots stay: all of them, and ours.
#[test]
fn the_jdks_roots_stay() {
    let sandbox = Sandbox::new();
    sandbox.trust("maven".parse().unwrap());
    let count = |store: &Path| {
        let mut list = Command::new("keytool");
        list.args(["-list", "-rfc", "-storepass", "changeit", "-keystore"]);
        let output = list.arg(store).output().unwrap();
        bundle::certificates_in(&output.stdout)
    };
    let mut env = BTreeMap::new();
    for name in ["PATH", "JAVA_HOME"] {
        env.extend(std::env::var(name).map(|value| (name.to_owned(), value)));
    }
    let surroundings = Surroundings {
        env,
        home: sandbox.path("home"),
        root: PathBuf::from("/"),
    };
    let jdk = gateway::authority::trust::jdk_store(&surroundings).expect("a JDK");
    let (had, has) = (
        count(&jdk),
        count(&sandbox.path("data/authority/trust/trust.p12")),
    );
    assert!(had.len() > 50 && has.len() == had.len() + 1);
    assert!(had.iter().all(|root| has.contains(root)));
}

/// The combined bundle holds every root of this machine.
#[test]
fn the_systems_roots_stay() {
    let sandbox = Sandbox::new();
    sandbox.trust("npm".parse().unwrap());
    let had = bundle::certificates(&sandbox.path("etc/ssl/certs/ca-certificates.crt")).unwrap();
    let has = bundle::certificates(&sandbox.path("data/authority/trust/bundle.pem")).unwrap();
    assert!(had.len() > 50 && has.len() == had.len() + 1);
    assert!(had.iter().all(|root| has.contains(root)));
}

/// What doctor says of the installed clients is what they do.
#[test]
fn doctor_agrees_with_the_clients() {
    let sandbox = Sandbox::new();
    before(&sandbox);
    let path = format!(
        "{0}/venv/bin:{0}/node_modules/.bin:{1}",
        crate::support::clients::clients_folder().display(),
        std::env::var("PATH").unwrap()
    );
    let trusting = |more: &[(&str, PathBuf)]| {
        let mut env = BTreeMap::from([("PATH".to_owned(), path.clone())]);
        env.insert(
            "PREFIX".to_owned(),
            sandbox.path("prefix").display().to_string(),
        );
        for (name, file) in more {
            env.insert((*name).to_owned(), file.display().to_string());
        }
        let surroundings = Surroundings {
            env,
            home: sandbox.path("home"),
            root: sandbox.path(""),
        };
        let run = of_machine(&surroundings);
        let scene = doctor::Scene {
            surroundings: &surroundings,
            run: &run,
            authority: bundle::certificates_in(sandbox.ours.authority.as_bytes()).remove(0),
            own: Own::default(),
            hosts: Vec::new(),
            proxy: String::new(),
        };
        let network = doctor::probe::Network::new(scene.authority.clone()).unwrap();
        let found = doctor::examine(&scene, &network);
        let of = |state| {
            let such = found.iter().filter(|it| it.state == state);
            such.map(|it| it.client).collect::<Vec<_>>()
        };
        (of(doctor::State::Good), of(doctor::State::Bad))
    };
    let all = [
        "npm", "pnpm", "yarn", "pip", "uv", "poetry", "twine", "maven", "gradle",
    ];
    assert_eq!(trusting(&[]), (Vec::new(), all.to_vec()));
    for name in all {
        sandbox.trust(name.parse().unwrap());
    }
    let without_variables = ["npm", "pnpm", "yarn", "pip", "maven", "gradle"];
    assert_eq!(trusting(&[]).0, without_variables);
    let bundle = sandbox.path("data/authority/trust/bundle.pem");
    let variables = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"].map(|name| (name, bundle.clone()));
    assert_eq!(trusting(&variables), (all.to_vec(), Vec::new()));
}
