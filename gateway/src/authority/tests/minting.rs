//! What leaves say, how long they are kept, and how many are made.

use std::collections::HashSet;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::*;

fn parse(der: &[u8]) -> X509Certificate<'_> {
    x509_parser::parse_x509_certificate(der).unwrap().1
}

#[test]
fn a_leaf_is_for_one_host_for_seven_days() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST]);
    let leaf = leaves.leaf("REGISTRY.test", made.now).unwrap();
    assert_eq!(leaf.cert.len(), 1, "clients have the authority themselves");
    leaf.keys_match().unwrap();
    let parsed = parse(&leaf.cert[0]);
    let validity = parsed.validity();
    let seconds = validity.not_after.timestamp() - validity.not_before.timestamp();
    assert_eq!(seconds + 1, 7 * 86_400);
    assert_eq!(parsed.subject().to_string(), "O=Portcullis");
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names, [GeneralName::DNSName(HOST)]);
    assert_eq!(parsed.key_usage().unwrap().unwrap().value.flags, 1);
    let purposes = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.server_auth && !purposes.client_auth && !purposes.any);
    assert!(!parsed.basic_constraints().unwrap().unwrap().value.ca);
    let identifiers = parsed.iter_extensions().filter(|extension| {
        matches!(
            extension.parsed_extension(),
            ParsedExtension::SubjectKeyIdentifier(_) | ParsedExtension::AuthorityKeyIdentifier(_)
        )
    });
    assert_eq!(identifiers.count(), 2);
}

#[test]
fn serials_and_keys_never_repeat() {
    let made = Made::new();
    let authority = made.load();
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let leaf = authority.mint(HOST, made.now).unwrap();
        let parsed = parse(&leaf.chain[0]);
        assert_eq!(parsed.raw_serial().len(), 16);
        assert!(seen.insert(parsed.raw_serial().to_vec()));
        assert!(seen.insert(parsed.public_key().raw.to_vec()));
    }
}

#[test]
fn a_leaf_is_kept_until_its_last_day() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST, FILES]);
    let first = leaves.leaf(HOST, made.now).unwrap();
    let at = |time| Arc::ptr_eq(&first, &leaves.leaf(HOST, time).unwrap());
    assert!(at(made.now + day(5)));
    assert!(at(made.now + day(6) - Duration::from_secs(3_700)));
    assert!(!at(made.now + day(6)));
    assert!(
        !at(made.now),
        "the clock was set back: the kept one is not valid yet"
    );
    assert!(!Arc::ptr_eq(&first, &leaves.leaf(FILES, made.now).unwrap()));
}

#[test]
fn leaves_end_with_the_authority() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST]);
    let end = made.load().not_after();
    let late = end - Duration::from_secs(3_600);
    let leaf = leaves.leaf(HOST, late).unwrap();
    let not_after = parse(&leaf.cert[0]).validity().not_after.timestamp();
    let since = end.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(not_after, i64::try_from(since.as_secs()).unwrap());
    assert!(
        Arc::ptr_eq(&leaf, &leaves.leaf(HOST, end).unwrap()),
        "not made anew for each connection"
    );
    let expired = leaves.leaf(HOST, end + Duration::from_secs(1)).unwrap_err();
    assert!(
        expired.to_string().contains("portcullis authority rotate"),
        "{expired}"
    );
    let early = leaves.leaf(HOST, made.now - day(1)).unwrap_err();
    assert!(early.to_string().contains("clock"), "{early}");
}

#[test]
fn a_crowd_gets_one_leaf() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST]);
    let all: HashSet<usize> = thread::scope(|scope| {
        let crowd: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| Arc::as_ptr(&leaves.leaf(HOST, made.now).unwrap()) as usize))
            .collect();
        crowd.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(all.len(), 1);
}

#[test]
fn an_expired_cross_certificate_is_not_sent() {
    let made = Made::new();
    let late = made.now + LIFE - day(30);
    rotate(&made.folder(), &names(&[HOST]), late).unwrap();
    let authority = Arc::new(Authority::load(&made.folder(), late).unwrap());
    let leaves = Leaves::new(authority, &names(&[HOST]), SystemTime::now).unwrap();
    assert_eq!(leaves.leaf(HOST, late).unwrap().cert.len(), 2);
    assert_eq!(leaves.leaf(HOST, late + day(40)).unwrap().cert.len(), 1);
}

#[test]
fn the_key_is_not_shown() {
    let made = Made::new();
    let leaves = made.leaves(&[HOST]);
    let key = fs::read_to_string(made.file("authority.key")).unwrap();
    let line = key.lines().nth(1).unwrap();
    let shown = format!(
        "{:?} {leaves:?} {:?}",
        made.load(),
        leaves.leaf(HOST, made.now).unwrap()
    );
    assert!(!shown.contains(line));
    assert!(shown.contains("Portcullis authority"), "{shown}");
}
