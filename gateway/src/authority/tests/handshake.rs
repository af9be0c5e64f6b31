//! Handshakes with rustls as client: its verifier, not our reading of the certificate, says who is accepted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SupportedProtocolVersion,
};

use super::*;

fn client(
    roots: &[CertificateDer<'static>],
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth()
}

/// How the handshake went and which protocol was agreed on, or the error.
fn visit(
    port: u16,
    config: &Arc<ClientConfig>,
    host: &str,
) -> Result<(HandshakeKind, Option<Vec<u8>>), String> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut session = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .map_err(|error| error.to_string())?;
    let mut reply = String::new();
    stream
        .read_to_string(&mut reply)
        .map_err(|error| error.to_string())?;
    assert!(reply.ends_with("welcome"), "{reply}");
    let kind = session.handshake_kind().unwrap();
    Ok((kind, session.alpn_protocol().map(<[u8]>::to_vec)))
}

fn accepts(port: u16, root: &CertificateDer<'static>, host: &str) -> Result<(), String> {
    let config = Arc::new(client(std::slice::from_ref(root), &TLS13));
    visit(port, &config, host).map(|_| ())
}

#[test]
fn listed_hosts_are_opened_in_both_versions_with_both_protocols() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST, FILES]);
    let port = serve(leaves.config());
    for version in [&TLS12, &TLS13] {
        for host in [HOST, FILES] {
            for protocol in ["h2", "http/1.1"] {
                let mut config = client(&[made.certificate("authority.pem")], version);
                config.alpn_protocols = vec![protocol.into()];
                let (_, agreed) = visit(port, &Arc::new(config), host).unwrap();
                assert_eq!(agreed, Some(protocol.into()));
            }
        }
    }
}

#[test]
fn other_names_and_no_name_get_no_certificate() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST, "elsewhere.test"]);
    let port = serve(leaves.config());
    let root = made.certificate("authority.pem");
    // Not listed, listed though the authority is not for it, below a listed one, an address (which is no SNI).
    for host in [FILES, "elsewhere.test", "a.registry.test", "127.0.0.1"] {
        let refused = accepts(port, &root, host).unwrap_err();
        assert!(refused.contains("AccessDenied"), "{host}: {refused}");
    }
    let opened = [
        HOST,
        "Registry.TEST",
        FILES,
        "elsewhere.test",
        "a.registry.test",
        "",
    ]
    .map(|host| leaves.leaf(host, made.now).is_ok());
    assert_eq!(opened, [true, true, false, false, false, false]);
    let now = made.now;
    let unlisted = leaves.leaf(FILES, now).unwrap_err();
    assert!(matches!(unlisted, AuthorityError::Unlisted(_)));
    let beyond = leaves.leaf("elsewhere.test", now).unwrap_err();
    assert!(matches!(beyond, AuthorityError::Beyond { .. }), "{beyond}");
    assert!(made.load().covers(HOST) && !made.load().covers("elsewhere.test"));
}

#[test]
fn a_stolen_key_is_good_for_the_listed_hosts_only() {
    let made = Made::new();
    let root = made.certificate("authority.pem");
    let address = SanType::IpAddress([127, 0, 0, 1].into());
    let six = SanType::IpAddress("::1".parse().unwrap());
    for (name, host) in [
        (dns("bank.test"), "bank.test"),
        (dns("evilregistry.test"), "evilregistry.test"),
        (dns("store.test"), "store.test"),
        (dns("*.store.test"), "files.store.test"),
        (address, "127.0.0.1"),
        (six, "::1"),
    ] {
        let refused = accepts(serve(made.forged(name)), &root, host).unwrap_err();
        assert!(
            refused.contains("NameConstraintViolation"),
            "{host}: {refused}"
        );
    }
    // RFC 5280 can't say less than a name and what is below it.
    accepts(
        serve(made.forged(dns("a.registry.test"))),
        &root,
        "a.registry.test",
    )
    .unwrap();
}

#[test]
fn clients_of_predecessor_and_successor_both_pass() {
    let made = Made::new();
    let old = made.certificate("authority.pem");
    let rotation = rotate(&made.folder(), &names(&[HOST, "new.test"]), made.now).unwrap();
    assert_eq!(rotation.unreached, ["new.test"]);
    assert!(rotation.summary.cross);
    let new = made.certificate("authority.pem");
    assert_ne!(old, new);
    assert_eq!(made.certificate("previous.pem"), old);
    let port = serve(made.leaves(&[HOST, FILES, "new.test"]).config());
    for version in [&TLS12, &TLS13] {
        for roots in [
            vec![old.clone()],
            vec![new.clone()],
            vec![old.clone(), new.clone()],
        ] {
            visit(port, &Arc::new(client(&roots, version)), HOST).unwrap();
        }
    }
    accepts(port, &new, "new.test").unwrap();
    let refused = accepts(port, &old, "new.test").unwrap_err();
    assert!(refused.contains("NameConstraintViolation"), "{refused}");
    // The successor is not for the file host any more.
    assert!(accepts(port, &new, FILES).is_err());

    let rotation = rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
    assert!(rotation.unreached.is_empty());
    let port = serve(made.leaves(&[HOST]).config());
    accepts(port, &new, HOST).unwrap();
    accepts(port, &made.certificate("authority.pem"), HOST).unwrap();
    let refused = accepts(port, &old, HOST).unwrap_err();
    assert!(refused.contains("UnknownIssuer"), "{refused}");
}

#[test]
fn changed_hosts_hold_for_clients_with_tickets_too() {
    static LEAVES: LazyLock<(Made, Leaves)> = LazyLock::new(|| {
        let made = Made::new();
        let leaves = made.leaves(&[HOST, FILES]);
        (made, leaves)
    });
    let (made, leaves) = &*LEAVES;
    let port = serve_with(|| LEAVES.1.config());
    for version in [&TLS12, &TLS13] {
        leaves.renew(made.load(), &names(&[HOST, FILES])).unwrap();
        let known = Arc::new(client(&[made.certificate("authority.pem")], version));
        assert_eq!(visit(port, &known, FILES).unwrap().0, HandshakeKind::Full);
        assert_eq!(
            visit(port, &known, FILES).unwrap().0,
            HandshakeKind::Resumed
        );
        let before = leaves.config();
        leaves.renew(made.load(), &names(&[FILES, HOST])).unwrap();
        assert!(Arc::ptr_eq(&before, &leaves.config()), "nothing changed");
        leaves.renew(made.load(), &names(&[HOST])).unwrap();
        let refused = visit(port, &known, FILES).unwrap_err();
        assert!(refused.contains("AccessDenied"), "{refused}");
        visit(port, &known, HOST).unwrap();
    }
}
