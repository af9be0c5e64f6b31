//! The detector as a whole, on the embedded lists.

use super::*;
use crate::{Ecosystem, PackageName};

fn check(ecosystem: Ecosystem, name: &str) -> Option<LookAlike> {
    let name = PackageName::parse(ecosystem, name).unwrap();
    Popular::embedded(ecosystem).check(&name, &InternalNames::default())
}

#[test]
fn embedded_lists_are_whole_and_never_look_like_anything() {
    for (ecosystem, count) in [
        (Ecosystem::Npm, 17_000),
        (Ecosystem::Pypi, 14_000),
        (Ecosystem::Maven, 4_000),
    ] {
        let popular = Popular::embedded(ecosystem);
        assert!(popular.len() > count && popular.date().starts_with("202"));
        assert!(popular.heap_bytes() < 7_000_000, "{}", popular.heap_bytes());
        for name in popular.names() {
            if let Ok(parsed) = PackageName::parse(ecosystem, name) {
                assert_eq!(check(ecosystem, name), None, "{name}");
                assert!(popular.rank(&parsed).is_some(), "{name}");
            }
        }
    }
}

/// Ecosystem, name, imitated name, signal, severity.
const LOOK_ALIKES: &str = "
    pypi beautifulosup4 beautifulsoup4 LettersSwapped Block
    npm follow-rdeirects follow-redirects LettersSwapped Block
    pypi sqlachemy sqlalchemy LetterDropped Block
    pypi virtuallenv virtualenv LetterDoubled Block
    npm copywebpackplugxin copy-webpack-plugin LetterAdded Block
    pypi cryptograpjy cryptography LetterReplaced Block
    npm eslintocnfigairnbbase eslint-config-airbnb-base TwoEdits Block
    pypi progressbar22 progressbar2 DigitChanged Block
    pypi crypt0graphy cryptography Homoglyph Block
    pypi rnatp10tlib matplotlib Homoglyph Block
    npm crossspawn cross-spawn SeparatorsMoved Suspicious
    npm webpack-copy-plugin copy-webpack-plugin WordsReordered Suspicious
    npm typescript-5.6 typescript VersionAppended Block
    npm prettier_v2 prettier VersionAppended Block
    npm node-request request AffixAdded Suspicious
    npm nestjs-common @nestjs/common ScopeFlattened Suspicious
    npm @ws-amplify/core @aws-amplify/core NamespaceAltered Block
    npm @solana-js/anything @solana NamespaceAltered Suspicious
    npm anything-dotenv dotenv BrandUsed Suspicious
    maven org.fasterxml.jackson.core:jackson-databind com.fasterxml.jackson.core:jackson-databind \
        NamespaceAltered Block
";

/// Plurals, separators, versions of the same family, affixes, words of their own.
const HONEST: &str = "
    npm mime-type react-lazy-load ajv-keyword react-table-v6 node-sass-utils kindof x
    npm eslint-plugin-ab eslint-config-mine babel-preset-mine
    npm @types/never-heard-of-it @babel/future-thing @mx/thing
    pypi dnspython3 pytest-thing django-thing python-thing pedantic z
    pypi jsonfield2 cupy-cuda19x flask-thing numpy-thing concurrentloghandler
    maven org.apache.future:thing io.github.somebody:thing com.acme:guava
";

/// The words of each line.
fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table
        .lines()
        .map(|line| line.split_ascii_whitespace().collect());
    lines.filter(|words: &Vec<_>| !words.is_empty())
}

#[test]
fn every_signal_has_an_example() {
    for case in lines(LOOK_ALIKES) {
        let [ecosystem, name, imitates, signal, severity] = case[..] else {
            panic!("{case:?}");
        };
        let found = check(ecosystem.parse().unwrap(), name).expect(name);
        let words = format!("{} {:?} {:?}", found.imitates, found.signal, found.severity);
        assert_eq!(words, format!("{imitates} {signal} {severity}"), "{name}");
    }
}

#[test]
fn honest_neighbours_are_not_blocked() {
    for case in lines(HONEST) {
        for name in &case[1..] {
            let severity = check(case[0].parse().unwrap(), name).map(|found| found.severity);
            assert_ne!(severity, Some(Severity::Block), "{name}");
        }
    }
}

#[test]
fn foreign_input_does_no_harm() {
    let long = "a-".repeat(100) + "b";
    let digits = "1".repeat(200);
    for name in [
        "-", "a", "1.0", "v1", "---1", &long, &digits, "rnrnrnrn", "@a/b", "@-/-", "~",
    ] {
        if let Ok(name) = PackageName::npm(name) {
            let found = Popular::embedded(Ecosystem::Npm).check(&name, &InternalNames::default());
            assert!(
                found.is_none_or(|found| found.severity == Severity::Suspicious),
                "{name}"
            );
        }
    }
    let empty = Popular::from_ranked(Ecosystem::Npm, "never", []);
    assert!(empty.is_empty());
    let name = PackageName::npm("reqeust").unwrap();
    assert_eq!(empty.check(&name, &InternalNames::default()), None);
    assert!(Popular::decode(b"").is_err());
}

/// Ecosystem, name, imitated name, signal, severity.
const OWN_LOOK_ALIKES: &str = "
    npm quaterly-billing quarterly-billing LetterDropped Block
    pypi quarterly-biling quarterly-billing LetterDropped Block
    npm @mycompamy/other @mycompany NamespaceAltered Block
    npm @my-company/ui @mycompany NamespaceAltered Suspicious
    npm mycompany-ui @mycompany ScopeFlattened Suspicious
    maven com.mycompamy.platform.auth:tokens com.mycompany.platform NamespaceAltered Block
";

#[test]
fn own_names_are_protected_like_popular_ones() {
    let ours = InternalNames::new([
        (Ecosystem::Npm, "@mycompany"),
        (Ecosystem::Npm, "@mycompany/ui-kit"),
        (Ecosystem::Npm, "quarterly-billing"),
        (Ecosystem::Pypi, "quarterly-billing"),
        (Ecosystem::Maven, "com.mycompany.platform"),
    ]);
    let found = |ecosystem: &str, name: &str| {
        let ecosystem = ecosystem.parse().unwrap();
        let name = PackageName::parse(ecosystem, name).unwrap();
        Popular::embedded(ecosystem).check(&name, &ours)
    };
    for case in lines(OWN_LOOK_ALIKES) {
        let found = found(case[0], case[1]).expect(case[1]);
        assert!(found.is_internal, "{found}");
        let words = format!("{} {:?} {:?}", found.imitates, found.signal, found.severity);
        assert_eq!(words, case[2..].join(" "), "{case:?}");
    }
    for (ecosystem, name) in [
        ("npm", "@mycompany/anything"),
        ("npm", "quarterly-billing"),
        ("maven", "com.mycompany.platform.auth:tokens"),
        ("npm", "unrelated-thing"),
    ] {
        assert_eq!(found(ecosystem, name), None, "{name}");
    }
    assert!(ours.contains(&PackageName::npm("@mycompany/anything").unwrap()));
}

#[test]
fn lists_of_ones_own_replace_the_embedded_one() {
    let popular = Popular::from_ranked(Ecosystem::Pypi, "2030-01-01", ["wondrous", "marvellous"]);
    assert_eq!((popular.date(), popular.len()), ("2030-01-01", 2));
    let again = Popular::decode(&popular.encode()).unwrap();
    let name = PackageName::pypi("marvelluos").unwrap();
    let found = again.check(&name, &InternalNames::default()).unwrap();
    assert_eq!(
        found.to_string(),
        "looks like the popular name marvellous: two neighbouring letters swapped"
    );
    assert_eq!(again.samples(&name).len(), 1);
}

#[test]
fn lists_of_others_are_read_kept_and_read_back() {
    let theirs = b"rank,name\n2,Marvel_lous\n1,wondrous\n";
    let popular = Popular::from_bytes(Ecosystem::Pypi, theirs).unwrap();
    let popular = popular
        .with_date("2030-01-01 08:00")
        .with_source("top.csv of\nours");
    assert_eq!(
        popular.names().collect::<Vec<_>>(),
        ["wondrous", "marvel-lous"]
    );
    let again = Popular::decode(&popular.encode()).unwrap();
    assert_eq!(
        (again.date(), again.source()),
        ("2030-01-01", "top.csv ofours")
    );
    assert_eq!(again.dated(), crate::moment::read("2030-01-01T00:00:00Z"));
    assert_eq!(again.digest(), popular.digest());
    let undated = Popular::from_bytes(Ecosystem::Npm, b"a\nb").unwrap();
    assert_eq!((undated.date(), undated.dated()), ("", None));
    let undated = Popular::decode(&undated.encode()).unwrap();
    assert_eq!(
        (undated.date(), undated.source(), undated.len()),
        ("", "", 2)
    );
    let swapped = Popular::from_bytes(Ecosystem::Npm, b"b\na").unwrap();
    assert_ne!(swapped.digest(), undated.digest());
}

#[test]
fn a_compact_file_is_read_as_any_other_list() {
    let embedded = Popular::embedded(Ecosystem::Maven);
    assert_eq!(embedded.source(), "embedded");
    assert!(embedded.dated().is_some());
    let read = Popular::from_bytes(Ecosystem::Maven, &embedded.encode()).unwrap();
    assert_eq!(read.digest(), embedded.digest());
    let error = Popular::from_bytes(Ecosystem::Npm, &embedded.encode()).err();
    assert_eq!(
        error.unwrap().to_string(),
        "the list is of maven names, not of npm names"
    );
    let long = vec![b'a'; LIST_BYTES_MAX + 1];
    for bytes in [&long[..], b"lookalike-names 1 npm\n"] {
        assert!(Popular::from_bytes(Ecosystem::Npm, bytes).is_err());
    }
}

#[test]
fn a_long_list_is_cut() {
    let names: Vec<_> = (0..NAMES_MAX + 5).map(|at| format!("n{at}")).collect();
    let popular = Popular::from_bytes(Ecosystem::Npm, names.join("\n").as_bytes()).unwrap();
    assert_eq!((popular.len(), popular.left_out()), (NAMES_MAX, 5));
    let again = Popular::decode(&popular.encode()).unwrap();
    assert_eq!(again.len(), NAMES_MAX);
}

#[test]
fn generic_names_look_like_nobody() {
    let popular = Popular::embedded(Ecosystem::Generic);
    assert_eq!(popular.len(), 0);
    let claims = InternalNames::new([(Ecosystem::Generic, "tools/installer")]);
    assert!(claims.is_empty());
    let name = PackageName::generic("tools", "instaler").unwrap();
    assert_eq!(popular.check(&name, &claims), None);
}
