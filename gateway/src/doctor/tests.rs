//! Clients, variables and files of the test's own; the network is played, and once it is real.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::probe::Network;
use super::*;
use crate::authority::trust::bundle;
use crate::authority::trust::command::Answer;

struct Machine {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
    ours: String,
    other: String,
    version: &'static str,
}

fn certificate() -> String {
    let key = KeyPair::generate().unwrap();
    CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .pem()
}

impl Machine {
    fn new(program: &str, version: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin").join(program), "").unwrap();
        let path = folder.path().join("bin").display().to_string();
        let machine = Machine {
            env: BTreeMap::from([("PATH".to_owned(), path)]),
            folder,
            ours: certificate(),
            other: certificate(),
            version,
        };
        fs::write(
            machine.path("ours.pem"),
            machine.other.clone() + &machine.ours,
        )
        .unwrap();
        fs::write(machine.path("other.pem"), &machine.other).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        let value = value.replace("HOME", &self.folder.path().display().to_string());
        self.env.insert(name.to_owned(), value);
        self
    }

    fn write(self, name: &str, text: &str) -> Self {
        let text = text.replace("HOME", &self.folder.path().display().to_string());
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self
    }

    fn examine(&self, probe: &dyn Probe) -> Vec<Finding> {
        let surroundings = Surroundings {
            env: self.env.clone(),
            home: self.path(""),
            root: self.path(""),
        };
        let run = |it: &Invocation| -> io::Result<Answer> {
            let output = match it.arguments.iter().find(|it| it.ends_with(".p12")) {
                Some(store) => fs::read_to_string(store)?,
                None => self.version.to_owned(),
            };
            let success = true;
            Ok(Answer {
                success,
                output,
                ..Answer::default()
            })
        };
        let scene = Scene {
            surroundings: &surroundings,
            run: &run,
            authority: bundle::certificates_in(self.ours.as_bytes()).remove(0),
            own: Own {
                listen: None,
                public_url: Some("https://gate.test/".to_owned()),
            },
            hosts: vec![
                (Ecosystem::Npm, "npm.test".to_owned()),
                (Ecosystem::Pypi, "index.test".to_owned()),
                (Ecosystem::Pypi, "files.test".to_owned()),
                (Ecosystem::Maven, "maven.test".to_owned()),
            ],
            proxy: "http://gate.test:8082".to_owned(),
        };
        examine(&scene, probe)
    }

    fn trusts(&self) -> Finding {
        self.examine(&Played(Presented::Ours, Mutex::default()))
            .remove(0)
    }
}

struct Played(Presented, Mutex<Vec<Target>>);

impl Probe for Played {
    fn ask(&self, target: &Target) -> Presented {
        self.1.lock().unwrap().push(target.clone());
        self.0.clone()
    }
}

/// Program, what it says, variable, its value, whether it trusts.
const VARIABLES: &[(&str, &str, &str, &str, bool)] = &[
    (
        "npm",
        "11.0.0",
        "NODE_EXTRA_CA_CERTS",
        "HOME/ours.pem",
        true,
    ),
    (
        "npm",
        "11.0.0",
        "NODE_EXTRA_CA_CERTS",
        "HOME/other.pem",
        false,
    ),
    ("npm", "11.0.0", "NPM_CONFIG_CAFILE", "HOME/ours.pem", true),
    ("npm", "11.0.0", "SSL_CERT_FILE", "HOME/ours.pem", false),
    ("pnpm", "10.1.0", "npm_config_cafile", "HOME/ours.pem", true),
    (
        "pnpm",
        "11.1.0",
        "npm_config_cafile",
        "HOME/ours.pem",
        false,
    ),
    (
        "pnpm",
        "11.1.0",
        "PNPM_CONFIG_CAFILE",
        "HOME/ours.pem",
        true,
    ),
    (
        "pnpm",
        "12.1.0",
        "PNPM_CONFIG_CAFILE",
        "HOME/ours.pem",
        false,
    ),
    ("pnpm", "12.1.0", "SSL_CERT_FILE", "HOME/ours.pem", true),
    (
        "yarn",
        "1.22.22",
        "npm_config_cafile",
        "HOME/ours.pem",
        true,
    ),
    ("yarn", "4.1.0", "npm_config_cafile", "HOME/ours.pem", false),
    (
        "yarn",
        "4.1.0",
        "YARN_HTTPS_CA_FILE_PATH",
        "HOME/ours.pem",
        true,
    ),
    (
        "pip",
        "pip 23.2.1 from /x (python 3.11)",
        "SSL_CERT_FILE",
        "HOME/ours.pem",
        false,
    ),
    (
        "pip",
        "pip 24.2 from /x (python 3.9)",
        "SSL_CERT_FILE",
        "HOME/ours.pem",
        false,
    ),
    (
        "pip",
        "pip 24.2 from /x (python 3.10)",
        "SSL_CERT_FILE",
        "HOME/ours.pem",
        true,
    ),
    (
        "pip3",
        "pip 23.2.1 from /x (python 3.11)",
        "PIP_CERT",
        "HOME/ours.pem",
        true,
    ),
    (
        "uv",
        "uv 0.13.9 (x)",
        "SSL_CERT_FILE",
        "HOME/ours.pem",
        true,
    ),
    ("uv", "uv 0.13.9 (x)", "SSL_CERT_DIR", "HOME", true),
    (
        "uv",
        "uv 0.13.9 (x)",
        "REQUESTS_CA_BUNDLE",
        "HOME/ours.pem",
        false,
    ),
    (
        "poetry",
        "Poetry (version 2.5.1)",
        "REQUESTS_CA_BUNDLE",
        "HOME/ours.pem",
        true,
    ),
    (
        "poetry",
        "Poetry (version 2.5.1)",
        "SSL_CERT_FILE",
        "HOME/ours.pem",
        false,
    ),
    (
        "twine",
        "twine version 7.0.0",
        "CURL_CA_BUNDLE",
        "HOME/ours.pem",
        true,
    ),
    (
        "twine",
        "twine version 7.0.0",
        "CURL_CA_BUNDLE",
        "HOME/none.pem",
        false,
    ),
    (
        "mvn",
        "Apache Maven 3.8.7",
        "MAVEN_OPTS",
        "-Djavax.net.ssl.trustStore=HOME/a.p12",
        true,
    ),
    (
        "mvn",
        "Apache Maven 3.8.7",
        "MAVEN_OPTS",
        "-Djavax.net.ssl.trustStore=HOME/b.p12",
        false,
    ),
];

#[test]
fn variables_are_read_as_each_client_reads_them() {
    for (program, version, name, value, trusts) in VARIABLES {
        let machine = Machine::new(program, version).with(name, value);
        fs::write(machine.path("a.p12"), &machine.ours).unwrap();
        fs::write(machine.path("b.p12"), &machine.other).unwrap();
        let finding = machine.trusts();
        let good = finding.state == State::Good;
        assert_eq!(good, *trusts, "{program} {version} {name}: {finding:?}");
        assert_eq!(finding.advice.is_none(), good);
    }
}

/// Program, what it says, file, its text, whether it trusts.
const FILES: &[(&str, &str, &str, &str, bool)] = &[
    ("npm", "11.0.0", ".npmrc", "cafile=HOME/ours.pem", true),
    ("npm", "11.0.0", ".npmrc", "cafile=HOME/other.pem", false),
    (
        "yarn",
        "1.22.22",
        ".yarnrc",
        "cafile \"HOME/ours.pem\"",
        true,
    ),
    ("yarn", "1.22.22", ".npmrc", "cafile=HOME/ours.pem", true),
    ("yarn", "4.1.0", ".npmrc", "cafile=HOME/ours.pem", false),
    (
        "yarn",
        "4.1.0",
        ".yarnrc.yml",
        "httpsCaFilePath: HOME/ours.pem",
        true,
    ),
    (
        "pip",
        "pip 23.0 (python 3.11)",
        ".pip/pip.conf",
        "[global]\ncert=HOME/ours.pem",
        true,
    ),
    (
        "pip",
        "pip 23.0 (python 3.11)",
        "etc/ssl/cert.pem",
        "OURS",
        false,
    ),
    (
        "pip",
        "pip 26.3 (python 3.11)",
        "etc/ssl/cert.pem",
        "OURS",
        true,
    ),
    ("uv", "uv 0.13.9", "etc/ssl/cert.pem", "OURS", false),
    ("mvn", "Apache Maven 3.8.7", ".mavenrc", "OPTS", true),
    (
        "gradle",
        "Gradle 8.1",
        ".gradle/gradle.properties",
        "GRADLE",
        true,
    ),
];

#[test]
fn files_are_read_as_each_client_reads_them() {
    for (program, version, file, text, trusts) in FILES {
        let machine = Machine::new(program, version);
        fs::write(machine.path("a.p12"), &machine.ours).unwrap();
        let text = match *text {
            "OURS" => machine.ours.clone(),
            "OPTS" => {
                "MAVEN_OPTS=\"$MAVEN_OPTS -Djavax.net.ssl.trustStore=HOME/a.p12\"\n".to_owned()
            }
            "GRADLE" => "systemProp.javax.net.ssl.trustStore=HOME/a.p12\n".to_owned(),
            text => text.to_owned(),
        };
        let finding = machine.write(file, &text).trusts();
        assert_eq!(
            finding.state == State::Good,
            *trusts,
            "{program} {file}: {finding:?}"
        );
    }
    let uv = Machine::new("uv", "uv 0.13.9");
    let ours = uv.ours.clone();
    let uv = uv.write("etc/ssl/cert.pem", &ours);
    let uv = uv.write(".config/uv/uv.toml", "system-certs = true");
    assert_eq!(uv.trusts().state, State::Good);
}

#[test]
fn advice_names_what_helps() {
    let pip = Machine::new("pip", "pip 23.2.1 (python 3.11)");
    assert_eq!(
        pip.trusts().advice.unwrap(),
        "portcullis authority trust pip"
    );
    let strong = pip.with("REQUESTS_CA_BUNDLE", "HOME/other.pem").trusts();
    assert!(strong.advice.unwrap().contains("trust shell"));
}

/// Program, what it says, variables, files, host, the proxy.
type Way = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
);

const WAYS: &[Way] = &[
    ("npm", "11.0.0", &[], &[], None),
    (
        "npm",
        "11.0.0",
        &[("HTTPS_PROXY", "http://gate.test:8082")],
        &[],
        Some("gate.test:8082"),
    ),
    (
        "npm",
        "11.0.0",
        &[],
        &[(".npmrc", "https-proxy=http://p.test:1")],
        Some("p.test:1"),
    ),
    (
        "npm",
        "11.0.0",
        &[("HTTPS_PROXY", "p.test:1"), ("NO_PROXY", "a,.test")],
        &[],
        None,
    ),
    (
        "yarn",
        "1.22.22",
        &[("HTTPS_PROXY", "http://p.test:1")],
        &[],
        Some("p.test:1"),
    ),
    (
        "yarn",
        "4.1.0",
        &[("HTTPS_PROXY", "http://p.test:1")],
        &[],
        None,
    ),
    (
        "yarn",
        "4.1.0",
        &[],
        &[(".yarnrc.yml", "httpsProxy: \"http://p.test:1\"")],
        Some("p.test:1"),
    ),
    (
        "pip",
        "pip 26.3",
        &[("PIP_PROXY", "http://p.test:1")],
        &[],
        Some("p.test:1"),
    ),
    (
        "uv",
        "uv 0.13.9",
        &[("ALL_PROXY", "http://u:p@p.test:1")],
        &[],
        Some("p.test:1"),
    ),
    (
        "mvn",
        "Apache Maven 3.8.7",
        &[("HTTPS_PROXY", "http://p.test:1")],
        &[],
        None,
    ),
    (
        "mvn",
        "Apache Maven 3.8.7",
        &[],
        &[(
            ".m2/settings.xml",
            "<settings><proxies><proxy><active>false</active><host>no.test</host></proxy><proxy>\
             <host>p.test</host><port>1</port></proxy></proxies></settings>",
        )],
        Some("p.test:1"),
    ),
    (
        "gradle",
        "Gradle 8.1",
        &[],
        &[(
            ".gradle/gradle.properties",
            "systemProp.https.proxyHost=p.test\nsystemProp.https.proxyPort=1",
        )],
        Some("p.test:1"),
    ),
];

#[test]
fn each_client_takes_its_own_way() {
    for (program, version, variables, files, proxy) in WAYS {
        let mut machine = Machine::new(program, version);
        for (name, value) in *variables {
            machine = machine.with(name, value);
        }
        for (name, text) in *files {
            machine = machine.write(name, text);
        }
        let played = Played(Presented::Another, Mutex::default());
        let findings = machine.examine(&played);
        let asked = played.1.lock().unwrap();
        let by = asked[0]
            .proxy
            .as_ref()
            .map(|it| format!("{}:{}", it.host, it.port));
        assert_eq!(by.as_deref(), *proxy, "{program} {version} {variables:?}");
        assert_eq!(findings.len(), 1 + asked.len());
        assert!(findings[1].text.starts_with("passes by"), "{findings:?}");
        assert!(!format!("{findings:?}{asked:?}").contains("u:p@"));
        assert!(!is_sound(&findings));
        let advice = findings[1].advice.as_deref().unwrap();
        assert!(
            advice.contains("http://gate.test:8082") && !advice.contains('{'),
            "{advice}"
        );
    }
}

#[test]
fn who_has_the_gateway_as_registry_reaches_it() {
    for (program, version, name, value, file, text) in [
        (
            "npm",
            "11.0.0",
            "npm_config_registry",
            "https://gate.test/npm/public/",
            "x",
            "",
        ),
        (
            "npm",
            "11.0.0",
            "X",
            "",
            ".npmrc",
            "registry=https://gate.test/npm/public/",
        ),
        (
            "pip",
            "pip 26.3",
            "X",
            "",
            ".config/pip/pip.conf",
            "[global]\nindex-url=https://gate.test/pypi/public/simple/",
        ),
        (
            "uv",
            "uv 0.13.9",
            "X",
            "",
            ".config/uv/uv.toml",
            "[[index]]\nurl='https://gate.test/pypi/p/simple/'\ndefault=true",
        ),
        (
            "mvn",
            "Apache Maven 3.8.7",
            "X",
            "",
            ".m2/settings.xml",
            "<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>https://gate.test/maven/p/</url></mirror></mirrors></settings>",
        ),
        (
            "gradle",
            "Gradle 8.1",
            "X",
            "",
            ".gradle/init.d/portcullis.gradle",
            "def gateway = new URI('https://gate.test/maven/p/')",
        ),
    ] {
        let machine = Machine::new(program, version)
            .with(name, value)
            .write(file, text);
        let played = Played(Presented::Another, Mutex::default());
        let findings = machine.examine(&played);
        assert!(played.1.lock().unwrap().is_empty(), "{program}");
        assert!(
            findings[1]
                .text
                .starts_with("reaches by its registry setting"),
            "{findings:?}"
        );
        assert!(is_sound(&findings), "{findings:?}");
    }
}

#[test]
fn lines_are_aligned() {
    let machine = Machine::new("pip", "pip 26.3 (python 3.11)");
    let played = Played(Presented::Nothing("refused".to_owned()), Mutex::default());
    let text = lines(&machine.examine(&played));
    assert_eq!(text.len(), 3);
    assert!(
        text[0].starts_with("pip  trust       BAD   does not trust it: uses"),
        "{text:#?}"
    );
    assert!(text[2].starts_with("pip  files.test  BAD   unreachable, directly: refused; "));
}

/// A server with a certificate of `issuer` for `localhost`.
fn serve(issuer: &Issuer<'_, KeyPair>) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let shown = params.signed_by(&key, issuer).unwrap().der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream);
            // As long as the client stays.
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    address
}

/// A proxy that answers CONNECT with `head` and joins the connection to `to`.
fn tunnel(head: &'static str, to: SocketAddr) -> SocketAddr {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut asked = [0; 1024];
            let length = client.read(&mut asked).unwrap();
            assert!(asked[..length].starts_with(b"CONNECT localhost:443 HTTP/1.1\r\n"));
            client.write_all(head.as_bytes()).unwrap();
            let mut server = std::net::TcpStream::connect(to).unwrap();
            let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from, &mut into));
            thread::spawn(move || io::copy(&mut server, &mut client));
        }
    });
    address
}

fn authority() -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let der = params.self_signed(&key).unwrap().der().clone();
    (der, Issuer::new(params, key))
}

#[test]
fn the_network_is_asked() {
    let (ours, issuer) = authority();
    let (_, another) = authority();
    let network = Network::new(ours).unwrap();
    let directly = |port| Target {
        host: "localhost".to_owned(),
        port,
        proxy: None,
    };
    let by = |address: SocketAddr| Target {
        host: "localhost".to_owned(),
        port: 443,
        proxy: Some(routes::Proxy {
            host: address.ip().to_string(),
            port: address.port(),
            authorization: None,
            source: "HTTPS_PROXY".to_owned(),
        }),
    };
    let (good, bad) = (serve(&issuer), serve(&another));
    assert_eq!(network.ask(&directly(good.port())), Presented::Ours);
    assert_eq!(network.ask(&directly(bad.port())), Presented::Another);
    let ok = "HTTP/1.1 200 Connection established\r\n\r\n";
    assert_eq!(network.ask(&by(tunnel(ok, good))), Presented::Ours);
    assert_eq!(network.ask(&by(tunnel(ok, bad))), Presented::Another);
    for (head, why) in [
        ("HTTP/1.1 407 Who\r\n\r\n", "407"),
        ("HTTP/1.1 403 No\r\n\r\n", "403"),
        ("SSH-2.0\r\n\r\n", "no HTTP proxy"),
    ] {
        let Presented::Nothing(said) = network.ask(&by(tunnel(head, good))) else {
            panic!("{head}");
        };
        assert!(said.contains(why), "{said}");
    }
    // Accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(
        network.ask(&directly(port)),
        Presented::Nothing("no answer in 5 s".to_owned())
    );
}
