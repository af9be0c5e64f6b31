//! The clients that people have: OpenSSL, Python, Node and Java must accept what they should and refuse the rest. A
//! client that is not installed is a failure: nothing else here would notice what it thinks of our certificates.

use std::process::Command;

use super::*;

/// What a client said, and whether it was content.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} can't be run: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}

const PYTHON: &str = r#"
import socket, ssl, sys
host, port, root = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
context.verify_flags |= ssl.VERIFY_X509_STRICT
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname=host) as tls:
    assert tls.getpeercert()["subjectAltName"] == (("DNS", host),)
    tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert b"welcome" in tls.recv(1000)
"#;

const NODE: &str = r#"
const [host, port, root] = process.argv.slice(1);
const ca = require('fs').readFileSync(root);
const socket = require('tls').connect({ host: '127.0.0.1', port, servername: host, ca }, () => {
  if (!socket.authorized) process.exit(2);
  socket.write('GET / HTTP/1.1\r\n\r\n');
});
socket.on('data', (data) => process.exit(data.includes('welcome') ? 0 : 3));
socket.on('error', (error) => { console.error(error.message); process.exit(1); });
"#;

const JAVA: &str = r#"
import java.io.*; import java.net.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Client {
  public static void main(String[] words) throws Exception {
    var socket = new Socket("127.0.0.1", Integer.parseInt(words[1]));
    var tls = (SSLSocket) ((SSLSocketFactory) SSLSocketFactory.getDefault()).createSocket(socket, words[0], 443, true);
    var parameters = tls.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    tls.setSSLParameters(parameters);
    tls.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes());
    var reply = new String(tls.getInputStream().readAllBytes());
    if (!reply.endsWith("welcome")) System.exit(3);
  }
}
"#;

/// Which of the clients are asked.
type Client = fn(&Made, u16, &str, &str) -> Result<String, String>;

const CLIENTS: [(&str, Client); 4] = [
    ("openssl", openssl),
    ("python", python),
    ("node", node),
    ("java", java),
];

fn openssl(made: &Made, port: u16, host: &str, root: &str) -> Result<String, String> {
    let root = made.file(root);
    run(Command::new("sh").arg("-c").arg(
        "printf 'GET / HTTP/1.1\\r\\n\\r\\n' | timeout 20 openssl s_client -connect 127.0.0.1:$1 -servername $0 \
         -verify_hostname $0 -verify_return_error -x509_strict -no-CApath -no-CAstore -CAfile $2 -ign_eof",
    )
    .arg(host)
    .arg(port.to_string())
    .arg(root))
}

fn python(made: &Made, port: u16, host: &str, root: &str) -> Result<String, String> {
    run(Command::new("python3")
        .args(["-c", PYTHON, host, &port.to_string()])
        .arg(made.file(root)))
}

fn node(made: &Made, port: u16, host: &str, root: &str) -> Result<String, String> {
    run(Command::new("node")
        .args(["-e", NODE, host, &port.to_string()])
        .arg(made.file(root)))
}

fn java(made: &Made, port: u16, host: &str, root: &str) -> Result<String, String> {
    let (source, store) = (
        made.root.path().join("Client.java"),
        made.root.path().join(format!("{root}.p12")),
    );
    if !store.exists() {
        fs::write(&source, JAVA).unwrap();
        run(Command::new("keytool")
            .args([
                "-importcert",
                "-noprompt",
                "-alias",
                "portcullis",
                "-storepass",
                "changeit",
                "-file",
            ])
            .arg(made.file(root))
            .arg("-keystore")
            .arg(&store))?;
    }
    run(Command::new("java")
        .arg(format!("-Djavax.net.ssl.trustStore={}", store.display()))
        .arg("-Djavax.net.ssl.trustStorePassword=changeit")
        .arg(source)
        .args([host, &port.to_string()]))
}

#[test]
fn they_accept_listed_hosts_by_the_certificate_alone() {
    let made = Made::new();
    let port = serve(made.leaves(&[HOST, FILES]).config());
    for (name, client) in CLIENTS {
        for host in [HOST, FILES] {
            client(&made, port, host, "authority.pem")
                .unwrap_or_else(|error| panic!("{name}, {host}: {error}"));
        }
        let other = client(&made, port, "bank.test", "authority.pem");
        assert!(
            other.is_err(),
            "{name} got a certificate for a name that is not listed"
        );
    }
}

#[test]
fn they_refuse_other_hosts_that_the_authority_signed_for() {
    let made = Made::new();
    let port = serve(made.forged(dns("bank.test")));
    for (name, client) in &CLIENTS[..3] {
        let refused = client(&made, port, "bank.test", "authority.pem").unwrap_err();
        assert!(
            refused.contains("permitted subtree violation"),
            "{name}: {refused}"
        );
    }
    // Java doesn't hold a trusted root to its constraints (see the module's essay). If this fails, it has learnt to.
    java(&made, port, "bank.test", "authority.pem").unwrap();
}

#[test]
fn they_go_on_after_a_rotation_with_either_certificate() {
    let made = Made::new();
    rotate(&made.folder(), &names(&[HOST, "new.test"]), made.now).unwrap();
    let port = serve(made.leaves(&[HOST, "new.test"]).config());
    for (name, client) in CLIENTS {
        for root in ["authority.pem", "previous.pem"] {
            client(&made, port, HOST, root)
                .unwrap_or_else(|error| panic!("{name}, {root}: {error}"));
        }
        client(&made, port, "new.test", "authority.pem").unwrap();
        let beyond = client(&made, port, "new.test", "previous.pem");
        assert_eq!(beyond.is_ok(), name == "java", "{name}: {beyond:?}");
    }
}

#[test]
fn openssl_verifies_the_files() {
    let made = Made::new();
    rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
    let leaf = made.load().mint(HOST, made.now).unwrap().chain[0].to_vec();
    fs::write(made.file("leaf.der"), leaf).unwrap();
    let verify = |words: &[&str]| {
        run(Command::new("openssl")
            .current_dir(made.folder())
            .args([
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-no-CApath",
                "-no-CAstore",
            ])
            .args(words))
    };
    verify(&[
        "-CAfile",
        "authority.pem",
        "-verify_hostname",
        HOST,
        "leaf.der",
    ])
    .unwrap();
    let by_cross = [
        "-CAfile",
        "previous.pem",
        "-untrusted",
        "authority-cross.pem",
        "leaf.der",
    ];
    verify(&by_cross).unwrap();
    verify(&["-CAfile", "previous.pem", "leaf.der"]).unwrap_err();
    verify(&[
        "-CAfile",
        "authority.pem",
        "-verify_hostname",
        FILES,
        "leaf.der",
    ])
    .unwrap_err();
    let text = run(Command::new("openssl").current_dir(made.folder()).args([
        "x509",
        "-in",
        "authority.pem",
        "-noout",
        "-text",
        "-fingerprint",
        "-sha256",
    ]))
    .unwrap();
    for wanted in [
        "CA:TRUE, pathlen:1",
        "X509v3 Name Constraints: critical",
        "DNS:registry.test",
        "IP:0.0.0.0/0.0.0.0",
        "Certificate Sign, CRL Sign",
        "ecdsa-with-SHA256",
        "CN = Portcullis authority ",
        &made.load().fingerprint(),
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}
