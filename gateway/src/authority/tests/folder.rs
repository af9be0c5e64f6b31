//! The folder: permissions, what is refused, and successions that stop anywhere.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::authority::succession::install_until;

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}

fn refused(made: &Made) -> String {
    Authority::load(&made.folder(), made.now)
        .unwrap_err()
        .to_string()
}

#[test]
fn only_the_owner_reads_the_key() {
    let made = Made::new();
    assert_eq!(listing(&made.folder()), ["authority.key", "authority.pem"]);
    assert_eq!(mode(&made.folder()), 0o700);
    assert_eq!(mode(&made.file("authority.key")), 0o600);
    rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
    let expected = [
        "authority-cross.pem",
        "authority.key",
        "authority.pem",
        "previous.pem",
    ];
    assert_eq!(listing(&made.folder()), expected);
    assert_eq!(mode(&made.file("authority.key")), 0o600);
    for wider in [0o640, 0o604, 0o660, 0o620] {
        fs::set_permissions(made.file("authority.key"), PermissionsExt::from_mode(wider)).unwrap();
        let error = refused(&made);
        assert!(
            error.contains("chmod 600") && error.contains(&format!("{wider:03o}")),
            "{error}"
        );
    }
}

#[test]
fn a_link_that_waits_for_the_key_gets_nothing() {
    let root = TempDir::new().unwrap();
    let trap = root.path().join("trap");
    let folder = root.path().join("authority");
    fs::create_dir(&folder).unwrap();
    for name in ["successor.key.arriving", "successor.key"] {
        symlink(&trap, folder.join(name)).unwrap();
    }
    let terms = Terms {
        owner: None,
        hosts: &names(&[HOST]),
        life: LIFE,
    };
    create(&folder, &terms, SystemTime::now()).unwrap();
    assert!(!trap.exists());
    assert!(
        fs::symlink_metadata(folder.join("authority.key"))
            .unwrap()
            .is_file()
    );
    assert_eq!(mode(&folder), 0o700);
}

#[test]
fn an_authority_is_created_once() {
    let made = Made::new();
    let before = fs::read(made.file("authority.key")).unwrap();
    let terms = Terms {
        owner: None,
        hosts: &names(&[HOST]),
        life: LIFE,
    };
    let again = || {
        create(&made.folder(), &terms, made.now)
            .unwrap_err()
            .to_string()
    };
    assert!(
        again().contains("portcullis authority rotate"),
        "{}",
        again()
    );
    assert_eq!(fs::read(made.file("authority.key")).unwrap(), before);
    fs::remove_file(made.file("authority.pem")).unwrap();
    for error in [again(), refused(&made)] {
        assert!(
            error.contains("authority.key") && error.contains("authority.pem"),
            "{error}"
        );
    }
    assert_eq!(fs::read(made.file("authority.key")).unwrap(), before);
    fs::remove_file(made.file("authority.key")).unwrap();
    assert!(refused(&made).contains("portcullis authority create"));
    create(&made.folder(), &terms, made.now).unwrap();
}

#[test]
fn senseless_terms_make_no_folder() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("authority");
    let good = names(&[HOST]);
    for (owner, hosts, life) in [
        (None, &vec![], LIFE),
        (None, &names(&[HOST, "*.test"]), LIFE),
        (None, &names(&["127.0.0.1"]), LIFE),
        (None, &names(&["test"]), LIFE),
        (None, &good, Duration::ZERO),
        (None, &good, day(4_000)),
        (Some("two\nlines"), &good, LIFE),
        (Some("x".repeat(65).as_str()), &good, LIFE),
    ] {
        create(&folder, &Terms { owner, hosts, life }, SystemTime::now()).unwrap_err();
        assert!(!folder.exists());
    }
}

#[test]
fn damage_is_named_with_its_file() {
    let (made, other) = (Made::new(), Made::new());
    let write = |name: &str, text: &str| fs::write(made.file(name), text).unwrap();
    let key = fs::read_to_string(made.file("authority.key")).unwrap();
    let certificate = fs::read_to_string(made.file("authority.pem")).unwrap();
    let foreign = fs::read_to_string(other.file("authority.key")).unwrap();
    write("authority.key", &foreign);
    assert!(refused(&made).contains("is not the one of the certificate"));
    for damaged in [
        "",
        "nonsense",
        &key[..key.len() / 2],
        &certificate,
        &key.replace("PRIVATE", "EC PRIVATE"),
    ] {
        write("authority.key", damaged);
        let error = refused(&made);
        assert!(error.contains("authority.key can't be used"), "{error}");
    }
    write("authority.key", &key);
    let leaf = made.load().mint(HOST, made.now).unwrap().chain[0].to_vec();
    let leaf = Certificate::read(leaf.into(), made.file("leaf")).unwrap_err();
    assert!(leaf.to_string().contains("no authority's"), "{leaf}");
    let signing = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let unlimited = params.self_signed(&signing).unwrap().pem();
    for (damaged, why) in [
        ("", "no certificate"),
        (&key, "no certificate"),
        (&unlimited, "not limited to hosts"),
    ] {
        write("authority.pem", damaged);
        let error = refused(&made);
        assert!(
            error.contains("authority.pem") && error.contains(why),
            "{error}"
        );
    }
    write("authority.pem", &certificate);
    made.load();
    let stranger = fs::read_to_string(other.file("authority.pem")).unwrap();
    write("authority-cross.pem", &stranger);
    assert!(refused(&made).contains("authority-cross.pem"));
}

#[test]
fn time_is_minded() {
    let made = Made::new();
    let at = |time| {
        Authority::load(&made.folder(), time)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    at(made.now + LIFE - day(1)).unwrap();
    let expired = at(made.now + LIFE).unwrap_err();
    assert!(expired.contains("portcullis authority rotate"), "{expired}");
    assert!(at(made.now - day(1)).unwrap_err().contains("clock"));
    let text = show(&made.folder(), made.now).unwrap().to_string();
    assert!(
        text.contains("729 days left") && text.contains("O=build farm"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 8, "{text}");
    let over = show(&made.folder(), made.now + LIFE).unwrap();
    assert_eq!(over.days_left, -1);

    // The cross certificate of this one must not be taken for the next one's, which has none.
    rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
    let rotation = rotate(&made.folder(), &names(&[HOST]), made.now + LIFE).unwrap();
    assert_eq!(
        rotation.unreached,
        [HOST],
        "an expired predecessor vouches for nobody"
    );
    assert!(!rotation.summary.cross);
    at(made.now + LIFE + day(700)).unwrap();
}

fn successor_of(made: &Made, number: u64) -> Successor {
    let old = Authority::read(&Folder::read(&made.folder()).unwrap()).unwrap();
    let hosts = names(&[HOST]);
    let terms = Terms {
        owner: None,
        hosts: &hosts,
        life: LIFE + day(number),
    };
    let charter = mint::Charter::new(&terms, made.now).unwrap();
    let key = mint::key().unwrap();
    let until = old.certificate.not_after;
    Successor {
        key: key.serialize_pem(),
        certificate: mint::authority(&charter, &key).unwrap().pem(),
        cross: Some(
            mint::cross(&charter, until, &key, &old.issuer)
                .unwrap()
                .pem(),
        ),
    }
}

/// Whether a leaf made now reaches the root in `pem`.
fn reaches(made: &Made, pem: &str) -> bool {
    let root = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let chain = made.load().mint(HOST, made.now).unwrap().chain;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
    let name = HOST.try_into().unwrap();
    rustls::client::danger::ServerCertVerifier::verify_server_cert(
        verifier.as_ref(),
        &chain[0],
        &chain[1..],
        &name,
        &[],
        rustls::pki_types::UnixTime::now(),
    )
    .is_ok()
}

#[test]
fn a_succession_may_stop_after_any_step() {
    for rotated_before in [false, true] {
        for steps in 0..=7 {
            let made = Made::new();
            if rotated_before {
                rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
            }
            let old = fs::read_to_string(made.file("authority.pem")).unwrap();
            let old_key = fs::read_to_string(made.file("authority.key")).unwrap();
            let successor = successor_of(&made, 1);
            let folder = Folder::change(&made.folder()).unwrap();
            install_until(&folder, &successor, steps).unwrap();
            drop(folder);
            // What a power cut in the midst of the next step would leave.
            fs::write(made.file("successor.pem.arriving"), &old[..99]).unwrap();

            let held = steps >= 3;
            assert!(reaches(&made, &old), "{steps}: clients of the predecessor");
            assert_eq!(reaches(&made, &successor.certificate), held, "{steps}");
            let days = show(&made.folder(), made.now).unwrap().days_left;
            assert_eq!(days, if held { 730 } else { 729 }, "{steps}");

            let before = if held { &successor.certificate } else { &old };
            rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
            assert!(
                reaches(&made, before),
                "{steps}: clients of what held before"
            );
            assert_eq!(
                &fs::read_to_string(made.file("previous.pem")).unwrap(),
                before
            );
            for name in listing(&made.folder()) {
                let text = fs::read_to_string(made.file(&name)).unwrap();
                assert!(
                    !text.contains(&old_key),
                    "{steps}: {name} holds the predecessor's key"
                );
                assert!(!name.contains("successor"), "{steps}: {name} is left");
            }
        }
    }
}

#[test]
fn a_creation_may_stop_after_any_step() {
    let other = Made::new();
    let key = fs::read_to_string(other.file("authority.key")).unwrap();
    let certificate = fs::read_to_string(other.file("authority.pem")).unwrap();
    for steps in 0..=7 {
        let root = TempDir::new().unwrap();
        let made = Made {
            root,
            now: other.now,
        };
        let folder = Folder::create(&made.folder()).unwrap();
        let successor = Successor {
            key: key.clone(),
            certificate: certificate.clone(),
            cross: None,
        };
        install_until(&folder, &successor, steps).unwrap();
        drop(folder);
        let terms = Terms {
            owner: None,
            hosts: &names(&[HOST]),
            life: LIFE,
        };
        let again = create(&made.folder(), &terms, made.now);
        assert_eq!(again.is_err(), steps >= 3, "{steps}: {again:?}");
        assert_eq!(reaches(&made, &certificate), steps >= 3, "{steps}");
        assert_eq!(
            listing(&made.folder()),
            ["authority.key", "authority.pem"],
            "{steps}"
        );
    }
}

#[test]
fn readers_never_see_half_a_succession() {
    let made = Made::new();
    thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            for _ in 0..20 {
                rotate(&made.folder(), &names(&[HOST]), made.now).unwrap();
            }
        });
        while !rotating.is_finished() {
            made.load();
        }
    });
}
