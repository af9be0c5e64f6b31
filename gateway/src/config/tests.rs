//! Loading: defaults, every form, and bad configurations, whose messages name key and remedy.

use super::*;

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, Overrides::default(), &discovery())
}

fn load_with(
    text: &str,
    overrides: Overrides,
    discovery: &Discovery,
) -> Result<Config, ConfigError> {
    Config::load(text, Path::new("portcullis.toml"), overrides, discovery)
}

fn discovery() -> Discovery {
    let found = |url: &str| Found {
        url: url.to_owned(),
        credentials: None,
        source: "a test".to_owned(),
    };
    let found = BTreeMap::from([
        (Ecosystem::Npm, found("http://npm.upstream.test/")),
        (Ecosystem::Pypi, found("http://pypi.upstream.test/")),
        (Ecosystem::Maven, found("http://maven.upstream.test/m2/")),
    ]);
    Discovery {
        found,
        notes: Vec::new(),
    }
}

#[test]
fn nothing_written_is_a_whole_configuration() {
    let config = load("").unwrap();
    assert_eq!(config.listen, LISTEN);
    assert_eq!(config.admin, ADMIN);
    assert_eq!(config.data, Path::new("data"));
    assert_eq!(config.limits, Limits::default());
    assert!(config.problem_json && config.public_url.is_none() && config.log == Log::Human);
    let [public] = config.repositories.as_slice() else {
        panic!("one repository")
    };
    assert_eq!(public.spec.name, "public");
    assert_eq!(public.spec.external.len(), 3);
    let npm = &public.upstream[&Ecosystem::Npm];
    assert_eq!(
        (npm.id.as_str(), npm.url.as_str()),
        ("npm", "http://npm.upstream.test/")
    );
    assert_eq!(npm.source, Source::Discovered("a test".to_owned()));
}

#[test]
fn an_ecosystem_that_nobody_names_is_off_with_a_note() {
    let config = load_with("", Overrides::default(), &Discovery::default()).unwrap();
    assert!(config.repositories[0].spec.external.is_empty());
    assert_eq!(config.notes.len(), 3);
    assert!(config.notes[0].contains("set npm = "), "{:?}", config.notes);
    let config = load("upstreams.maven = false").unwrap();
    assert_eq!(config.repositories[0].spec.external.len(), 2);
}

#[test]
fn every_form_is_read() {
    let text = r#"
        listen = "127.0.0.1:18080"
        public_url = "https://packages.example/"
        log = "json"
        problem_json = false
        [upstreams]
        npm = "http://one.upstream.test"
        [upstreams.pypi]
        url = "http://127.0.0.1:9/root/simple"
        hosts = ["Files.test"]
        username = "ada"
        password = "env:PASSWORD"
        [repository.public]
        upstreams = ["inside"]
        external = { npm = { url = "http://two.upstream.test", token = "t" }, pypi = true }
        [repository.public.hosts]
        npm = "npm.corp.example"
        [repository.inside]
        [[group]]
        pattern = "/npm/mycompany/*"
        external = "block"
        [limits]
        connect = "1500ms"
        head_bytes = 65536
        document_bytes = "1GiB"
    "#;
    let environment = Environment(BTreeMap::from([("PASSWORD".into(), "secret".into())]));
    let overrides = Overrides {
        listen: "127.0.0.1:28080".parse().ok(),
        data: Some("/var/portcullis".into()),
        environment,
        ..Overrides::default()
    };
    let config = load_with(text, overrides, &discovery()).unwrap();
    assert_eq!(config.listen.port(), 28080);
    assert_eq!(config.data, Path::new("/var/portcullis"));
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://packages.example")
    );
    assert_eq!((config.log, config.problem_json), (Log::Json, false));
    assert_eq!(config.limits.connect.as_millis(), 1500);
    assert_eq!(
        (config.limits.head_bytes, config.limits.document_bytes),
        (65_536, 1 << 30)
    );
    assert_eq!(config.policy_spec.groups.len(), 1);
    assert_eq!(config.policy_spec.repositories.len(), 2);
    let [inside, public] = config.repositories.as_slice() else {
        panic!("two repositories")
    };
    assert!(inside.upstream.is_empty());
    assert_eq!(public.spec.upstreams, ["inside"]);
    assert_eq!(public.hosts[&Ecosystem::Npm], "npm.corp.example");
    let npm = &public.upstream[&Ecosystem::Npm];
    assert_eq!((npm.id.as_str(), npm.allow_private), ("public/npm", false));
    assert_eq!(npm.credentials, Some(Secret::bearer("t")));
    let pypi = &public.upstream[&Ecosystem::Pypi];
    assert_eq!(
        (pypi.id.as_str(), pypi.url.as_str()),
        ("pypi", "http://127.0.0.1:9/root/")
    );
    assert_eq!(
        (&pypi.hosts[..], pypi.allow_private),
        (&["files.test".to_owned()][..], true)
    );
    assert_eq!(pypi.credentials, Some(Secret::basic("ada", "secret")));
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn a_table_without_address_completes_the_discovered_one() {
    let config = load("[upstreams.pypi]\nhosts = ['files.test']\ntoken = 't'").unwrap();
    let pypi = &config.repositories[0].upstream[&Ecosystem::Pypi];
    assert_eq!(pypi.url, "http://pypi.upstream.test/");
    assert_eq!(pypi.credentials, Some(Secret::bearer("t")));
}

/// Text, the line, the key, and what the message advises.
const BAD: &[(&str, usize, &str, &str)] = &[
    ("lisen = 'a'", 1, "lisen", "did you mean `listen`?"),
    ("\nlisten = 'localhost'", 2, "listen", "\"127.0.0.1:8080\""),
    ("listen = 8080", 1, "listen", "address and port for clients"),
    ("admin = '127.0.0.1:8080'", 1, "admin", "another port"),
    ("log = 'xml'", 1, "log", "\"human\" or \"json\""),
    (
        "network.proxy = '8082'",
        1,
        "network.proxy",
        "address and port",
    ),
    (
        "[network]\nothers = 'pass'",
        2,
        "network.others",
        "\"tunnel\" or \"refuse\"",
    ),
    (
        "[network]\nlogin = 'tunnel'",
        2,
        "network.login",
        "\"pass\" or \"refuse\"",
    ),
    ("[network]\nports = [0]", 2, "network.ports", "remove it"),
    (
        "[network]\nproxy = '[::]:8082'\nrepository = 'none'",
        3,
        "network.repository",
        "no repository `none`",
    ),
    (
        "[network]\nredirct = '[::]:8443'",
        2,
        "network.redirct",
        "did you mean `redirect`?",
    ),
    ("problem_json = 'yes'", 1, "problem_json", "refusals carry"),
    (
        "public_url = 'packages.example'",
        1,
        "public_url",
        "http://",
    ),
    (
        "public_url = 'http://a:b@packages.example'",
        1,
        "public_url",
        "remove",
    ),
    (
        "upstreams.nmp = 'http://upstream.test'",
        1,
        "upstreams.nmp",
        "did you mean `npm`?",
    ),
    (
        "upstreams.npm = 'upstream.test'",
        1,
        "upstreams.npm",
        "http://",
    ),
    (
        "upstreams.npm = 'http://127.0.0.1:8080/npm/x/'",
        1,
        "upstreams.npm",
        "own address",
    ),
    ("upstreams.npm = 7", 1, "upstreams.npm", "http://"),
    (
        "[upstreams.npm]\nurll = 'x'",
        2,
        "upstreams.npm.urll",
        "did you mean `url`?",
    ),
    (
        "[upstreams.npm]\nhosts = ['http://x']",
        2,
        "upstreams.npm.hosts",
        "host name only",
    ),
    (
        "[upstreams.npm]\nusername = 'a'",
        2,
        "upstreams.npm.username",
        "set both",
    ),
    (
        "[upstreams.npm]\ntoken = 'env:NONE'",
        2,
        "upstreams.npm.token",
        "set it",
    ),
    (
        "[upstreams.npm]\ntoken = 12345",
        2,
        "upstreams.npm.token",
        "in quotes",
    ),
    (
        "[upstreams.npm]\nallow_private = 1",
        2,
        "upstreams.npm.allow_private",
        "private",
    ),
    (
        "[repository.a]\nupstream = []",
        2,
        "repository.a.upstream",
        "did you mean `upstreams`?",
    ),
    (
        "[repository.a]\nupstreams = ['b']",
        2,
        "repository.a.upstreams",
        "add [repository.b]",
    ),
    (
        "[repository.a]\nupstreams = ['a']",
        2,
        "repository.a.upstreams",
        "remove it",
    ),
    (
        "[repository.a]\nexternal = ['nmp']",
        2,
        "repository.a.external",
        "`npm`",
    ),
    (
        "[repository.a]\nexternal = true",
        2,
        "repository.a.external",
        "a list of ecosystems",
    ),
    (
        "[repository.a.external]\nnpm = { url = 'http://upstream.test', tokn = 't' }",
        2,
        "repository.a.external.npm.tokn",
        "did you mean `token`?",
    ),
    (
        "[repository.a.external]\nnpm = {}",
        2,
        "repository.a.external.npm",
        "set `url`",
    ),
    ("[repository.'A b']", 1, "repository.A b", "use a-z"),
    (
        "[repository.a.hosts]\nnpm = 'h.test'\npypi = 'h.test'",
        3,
        "repository.a.hosts.pypi",
        "give it another",
    ),
    (
        "[repository.a.hosts]\nnpm = 'h.test:80'",
        2,
        "repository.a.hosts.npm",
        "without a port",
    ),
    (
        "[limits]\nconect = '3s'",
        2,
        "limits.conect",
        "did you mean `connect`?",
    ),
    ("[limits]\nconnect = 3", 2, "limits.connect", "\"3s\""),
    ("[limits]\nconnect = 'soon'", 2, "limits.connect", "\"10s\""),
    (
        "[limits]\nhead_bytes = true",
        2,
        "limits.head_bytes",
        "64KiB",
    ),
    (
        "[[group]]\npattern = '/*'\nextrenal = 'block'",
        3,
        "group.extrenal",
        "did you mean `external`?",
    ),
    ("[limits", 1, "", "correct it"),
];

#[test]
fn bad_configurations_name_line_key_and_remedy() {
    for (text, line, key, advice) in BAD {
        let error = load(text).map(|_| ()).expect_err(text);
        let [problem] = error.problems.as_slice() else {
            panic!("{text}: {error}")
        };
        assert_eq!(problem.line, Some(*line), "{text}: {error}");
        assert_eq!(problem.key, *key, "{text}: {error}");
        assert!(problem.message.contains(advice), "{text}: {error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("portcullis.toml:{line}: {key}"))
        );
        assert!(
            !error.to_string().contains("12345"),
            "a secret is repeated: {error}"
        );
    }
}

#[test]
fn several_problems_come_at_once_in_the_order_of_the_file() {
    let error = load("[limits]\nconect = 1\n[repository.a]\nexternl = []").unwrap_err();
    let lines: Vec<_> = error.problems.iter().filter_map(|it| it.line).collect();
    assert_eq!(lines, [2, 4]);
    let error = load("log = 'x'\nlisten = 'y'\n[limits]\nidle = 'z'").unwrap_err();
    assert_eq!(error.problems.len(), 3);
    assert_eq!(error.to_string().lines().count(), 3);
}

#[test]
fn more_repositories_than_may_be_searched() {
    let names: Vec<String> = (0..11).map(|number| format!("r{number}")).collect();
    let mut text: String = names
        .iter()
        .map(|name| format!("[repository.{name}]\n"))
        .collect();
    text.push_str(&format!("[repository.a]\nupstreams = {names:?}\n"));
    assert!(load(&text).unwrap_err().to_string().contains("at most 10"));
}

#[test]
fn own_addresses_come_from_file_and_overrides() {
    let own = own_addresses(
        "listen = '127.0.0.1:1'\npublic_url = 'x'",
        &Overrides::default(),
    );
    assert_eq!(own.listen, "127.0.0.1:1".parse().ok());
    assert_eq!(own.public_url.as_deref(), Some("x"));
    assert_eq!(
        own_addresses("not toml", &Overrides::default()).listen,
        Some(LISTEN)
    );
}

#[test]
fn every_key_has_one_line_of_documentation() {
    for (key, default, doc) in key_table() {
        assert!(
            !key.is_empty() && !default.is_empty() && !doc.is_empty(),
            "{key}"
        );
        assert!(!doc.contains('\n'), "{key}");
    }
}
