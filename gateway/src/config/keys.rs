//! Every key of `portcullis.toml`, its default and one line of documentation.
//!
//! The README's table is made from here, and unknown keys are found against it. In a key,
//! `ECOSYSTEM` stands for npm, pypi or maven, and `NAME` for a name that the operator chooses.

use rules::Ecosystem;

use super::limits;

/// A key, its default as text, its documentation.
pub const KEYS: &[(&str, &str, &str)] = &[
    ("listen", "127.0.0.1:8080", "address and port for clients"),
    (
        "admin",
        "127.0.0.1:8081",
        "address and port for metrics, health and decisions",
    ),
    (
        "data",
        "data",
        "folder of the cache and of what was published",
    ),
    (
        "public_url",
        "http(s)://<listen>",
        "address of the gateway as clients see it, in documents",
    ),
    (
        "tls.certificate",
        "none",
        "PEM file of the certificate and its issuers; clients then use https",
    ),
    (
        "tls.key",
        "none",
        "PEM file of its key, which only the gateway's user may read",
    ),
    (
        "access.anonymous_read",
        "true",
        "whether reading needs no token; publishing always needs one",
    ),
    (
        "state.url",
        "state.db in the data folder",
        "the state database: sqlite:PATH, postgres://…, or env:NAME",
    ),
    ("log", "human", "form of the log: human or json"),
    (
        "problem_json",
        "true",
        "refusals carry a problem document (RFC 9457) as their body",
    ),
    (
        "upstreams.ECOSYSTEM",
        "as the clients have it",
        "the registry's address, or a table",
    ),
    (
        "upstreams.ECOSYSTEM.url",
        "as the clients have it",
        "the registry's address",
    ),
    (
        "upstreams.ECOSYSTEM.hosts",
        "[]",
        "further hosts that its files may come from",
    ),
    (
        "upstreams.ECOSYSTEM.username",
        "none",
        "name for Basic, or env:NAME",
    ),
    (
        "upstreams.ECOSYSTEM.password",
        "none",
        "password for Basic, or env:NAME",
    ),
    (
        "upstreams.ECOSYSTEM.token",
        "none",
        "token for Bearer, or env:NAME",
    ),
    (
        "upstreams.ECOSYSTEM.allow_private",
        "true if the address itself is private",
        "its host names may resolve to private addresses",
    ),
    (
        "repository.NAME.upstreams",
        "[]",
        "other repositories to search, in order; at most 10",
    ),
    (
        "repository.NAME.external",
        "all for public, else none",
        "ecosystems that may come from outside",
    ),
    (
        "repository.NAME.external.ECOSYSTEM",
        "none",
        "as a table: an upstream of its own (as in upstreams), or true for the common one",
    ),
    (
        "repository.NAME.hosts.ECOSYSTEM",
        "none",
        "host name that serves it at the root",
    ),
    (
        "network.proxy",
        "none",
        "address and port of the forward proxy: HTTP_PROXY and HTTPS_PROXY of clients",
    ),
    (
        "network.redirect",
        "none",
        "address and port for connections that nftables redirects here",
    ),
    (
        "network.transparent",
        "false",
        "they come by TPROXY, not by REDIRECT",
    ),
    (
        "network.repository",
        "public",
        "the repository whose rules and upstreams judge them",
    ),
    (
        "network.others",
        "tunnel",
        "connections to hosts that are no registry's: tunnel, refuse",
    ),
    (
        "network.nameless",
        "refuse",
        "connections that do not say whom they are for: refuse, tunnel",
    ),
    (
        "network.ports",
        "[443]",
        "ports that the proxy may be asked for by CONNECT",
    ),
    (
        "network.allow_private",
        "false",
        "the proxy reaches loopback and private addresses",
    ),
    (
        "network.authenticate",
        "false",
        "the proxy asks for a token",
    ),
    (
        "network.login",
        "refuse",
        "logging in at a public registry: refuse, pass",
    ),
    (
        "network.publish",
        "refuse",
        "publishing to a public registry: refuse, pass",
    ),
    (
        "network.pages",
        "refuse",
        "everything else of a registry's host: refuse, pass",
    ),
    (
        "group.pattern",
        "required",
        "the packages that the group holds, such as /npm/mycompany/*",
    ),
    (
        "group.publish",
        "inherit",
        "allow, block, inherit, or the repositories published to",
    ),
    (
        "group.internal",
        "inherit",
        "the same for packages retained from other repositories of ours",
    ),
    (
        "group.external",
        "inherit",
        "the same for packages ingested from a public registry",
    ),
    (
        "group.lookalike",
        "deny",
        "what becomes of names that imitate a popular or an internal one: deny, warn, off",
    ),
    (
        "group.malware",
        "deny",
        "what becomes of versions that an advisory calls malware: deny, warn, off",
    ),
    (
        "group.vulnerability_deny",
        "none",
        "versions with a vulnerability of this CVSS score or above are denied",
    ),
    (
        "group.vulnerability_warn",
        "none",
        "the same, served with a warning: npm's deprecated, log, decisions, metrics",
    ),
    (
        "group.min_age",
        "0",
        "versions younger than this are held: 3d, 12h, 2w",
    ),
    (
        "group.min_age_fix",
        "as min_age",
        "the same for versions that an advisory names as its fix",
    ),
    (
        "group.unknown_age",
        "hold",
        "what becomes of versions without a date where min_age is set: hold, allow",
    ),
    (
        "group.exempt",
        "[]",
        "controls that do not count here: lookalike, min_age, malware, vulnerability",
    ),
    (
        "group.until",
        "none",
        "the last day of the exemption, or a moment (RFC 3339)",
    ),
    ("group.reason", "none", "why there is an exemption"),
    (
        "group.observe",
        "[]",
        "controls that are judged, logged and counted here, but not enforced",
    ),
    ("group.description", "none", "what the group is for"),
    ("group.contact", "none", "whom to ask about it"),
    (
        "advisories.sources",
        "[]",
        "folders, zips or JSON-lines files of OSV records, or addresses of the latter two; read again when they change",
    ),
    (
        "advisories.poll",
        "1h",
        "how often addresses among them are asked for news",
    ),
    (
        "advisories.max_age",
        "7d",
        "a feed whose newest record is older shows in /healthz",
    ),
];

/// All keys with default and documentation, the limits included, in the order of the README.
pub fn key_table() -> Vec<(String, String, &'static str)> {
    let keys = KEYS
        .iter()
        .map(|(key, default, doc)| (key.to_string(), default.to_string(), *doc));
    let limits = limits::ROWS
        .iter()
        .map(|row| (format!("limits.{}", row.name), row.default_text(), row.doc));
    keys.chain(limits).collect()
}

/// The keys that may stand right below `path`; none if `path` has no keys of its own.
pub fn keys_below(path: &[&str]) -> Vec<String> {
    let path = as_upstream(path);
    let mut below: Vec<&str> = Vec::new();
    let table = key_table();
    for (key, _, _) in &table {
        let parts: Vec<&str> = key.split('.').collect();
        if parts.len() > path.len() && parts.iter().zip(&path).all(|(part, at)| stands(part, at)) {
            let next = parts[path.len()];
            match next {
                "ECOSYSTEM" => below.extend(Ecosystem::PROXIED.map(Ecosystem::as_str)),
                _ => below.push(next),
            }
        }
    }
    let mut once: Vec<String> = Vec::new();
    for key in below {
        if !once.iter().any(|other| other == key) {
            once.push(key.to_owned());
        }
    }
    once
}

/// The documentation of the key at `path`.
pub fn doc_of(path: &[&str]) -> Option<&'static str> {
    let path = as_upstream(path);
    key_table().into_iter().find_map(|(key, _, doc)| {
        let parts: Vec<&str> = key.split('.').collect();
        let same = parts.len() == path.len();
        (same && parts.iter().zip(&path).all(|(part, at)| stands(part, at))).then_some(doc)
    })
}

/// The known key nearest to `key` by edit distance, if it is near enough to be meant.
pub fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a str> {
    let key = key.to_lowercase().replace('-', "_");
    let length = key.chars().count();
    let near = known
        .iter()
        .map(|other| (edits(&key, other), other.as_str()))
        .min()?;
    (near.0 <= (length / 3).max(2) && near.0 < length).then_some(near.1)
}

/// Whether the part of a documented key stands for the part of a written one.
fn stands(part: &str, written: &str) -> bool {
    match part {
        "ECOSYSTEM" => is_proxied(written),
        "NAME" => true,
        _ => part == written,
    }
}

/// Whether this is an ecosystem that has registries outside.
fn is_proxied(written: &str) -> bool {
    written.parse().is_ok_and(Ecosystem::is_proxied)
}

/// An upstream of a repository's own takes the keys of a common one.
fn as_upstream<'a>(path: &[&'a str]) -> Vec<&'a str> {
    match path {
        ["repository", _, "external", ecosystem, rest @ ..] if !rest.is_empty() => {
            ["upstreams", ecosystem]
                .into_iter()
                .chain(rest.iter().copied())
                .collect()
        }
        ["repository", _, "external", ecosystem] if is_proxied(ecosystem) => {
            vec!["upstreams", ecosystem]
        }
        _ => path.to_vec(),
    }
}

/// Levenshtein's distance.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, mine) in left.chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, theirs) in right.iter().enumerate() {
            let swapped = diagonal + usize::from(mine != *theirs);
            diagonal = row[column + 1];
            row[column + 1] = swapped.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_below_a_path() {
        assert_eq!(keys_below(&["upstreams"]), ["npm", "pypi", "maven"]);
        assert_eq!(
            keys_below(&["repository", "any", "hosts"]),
            ["npm", "pypi", "maven"]
        );
        assert_eq!(
            keys_below(&["repository", "any"]),
            ["upstreams", "external", "hosts"]
        );
        assert!(keys_below(&["repository", "a", "external", "npm"]).contains(&"token".to_owned()));
        assert!(keys_below(&["limits"]).contains(&"head_bytes".to_owned()));
        assert!(keys_below(&["listen"]).is_empty());
    }

    #[test]
    fn nearest_known_key() {
        let known = ["listen", "admin", "public_url"].map(str::to_owned);
        for (key, near) in [
            ("lisen", Some("listen")),
            ("public-url", Some("public_url")),
            ("zzzzzz", None),
        ] {
            assert_eq!(nearest(key, &known), near, "{key}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
