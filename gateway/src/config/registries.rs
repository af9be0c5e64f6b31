//! From the repositories and upstreams as written to those that are used.

use std::collections::{BTreeMap, BTreeSet};

use rules::{Ecosystem, RepositorySpec, UPSTREAMS_MAX};

use super::file::{External, RepositoryEntry, UpstreamEntry, UpstreamTable};
use super::problem::Findings;
use super::upstream::{Address, parse_host};
use super::{Discovery, Environment, Own, Repository, Secret, Source, Upstream, every_ecosystem};

/// The repository that exists when none is written.
const PUBLIC: &str = "public";

/// What the file says about repositories and upstreams.
pub(super) struct Written {
    pub common: BTreeMap<Ecosystem, UpstreamEntry>,
    pub repositories: BTreeMap<String, RepositoryEntry>,
}

struct Lowering<'a, 'b> {
    own: &'a Own,
    discovered: &'a Discovery,
    environment: &'a Environment,
    findings: &'a mut Findings<'b>,
    notes: Vec<String>,
}

/// Checks and completes; the second value is what the operator should know.
pub(super) fn lower(
    mut written: Written,
    own: &Own,
    discovered: &Discovery,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> (Vec<Repository>, Vec<String>) {
    if written.repositories.is_empty() {
        written
            .repositories
            .insert(PUBLIC.to_owned(), RepositoryEntry::default());
    }
    let notes = discovered.notes.clone();
    let mut lowering = Lowering {
        own,
        discovered,
        environment,
        findings,
        notes,
    };
    let common = lowering.common(&written.common);
    lowering.check_hosts(&written.repositories);
    let names: BTreeSet<String> = written.repositories.keys().cloned().collect();
    let repositories = written
        .repositories
        .into_iter()
        .map(|(name, entry)| {
            lowering.check_repository(&name, &entry, &names);
            lowering.repository(name, entry, &common)
        })
        .collect();
    (repositories, lowering.notes)
}

impl Lowering<'_, '_> {
    /// One upstream per ecosystem: as configured, else as discovered.
    fn common(
        &mut self,
        written: &BTreeMap<Ecosystem, UpstreamEntry>,
    ) -> BTreeMap<Ecosystem, Upstream> {
        let mut common = BTreeMap::new();
        for ecosystem in Ecosystem::PROXIED {
            let table = match written.get(&ecosystem) {
                None | Some(UpstreamEntry::Common(true)) => UpstreamTable::default(),
                Some(UpstreamEntry::Common(false)) => continue,
                Some(UpstreamEntry::Own(table)) => table.clone(),
            };
            let path = ["upstreams", ecosystem.as_str()];
            let upstream = match table.url {
                Some(_) => self.configured(ecosystem, &table, &path),
                None => self.discovered(ecosystem, &table, &path),
            };
            common.extend(upstream.map(|upstream| (ecosystem, upstream)));
        }
        common
    }

    fn repository(
        &mut self,
        name: String,
        entry: RepositoryEntry,
        common: &BTreeMap<Ecosystem, Upstream>,
    ) -> Repository {
        let everything = || External::List(every_ecosystem().into_iter().collect());
        let nothing = || External::List(Vec::new());
        let external = entry.external.unwrap_or_else(|| {
            if name == PUBLIC {
                everything()
            } else {
                nothing()
            }
        });
        let external: BTreeMap<Ecosystem, UpstreamEntry> = match external {
            External::Table(table) => table,
            External::List(list) => list
                .into_iter()
                .map(|it| (it, UpstreamEntry::Common(true)))
                .collect(),
        };
        let mut upstream = BTreeMap::new();
        for (ecosystem, entry) in external {
            let found = match entry {
                UpstreamEntry::Common(false) => continue,
                UpstreamEntry::Common(true) => self.shared(&name, ecosystem, common),
                UpstreamEntry::Own(table) => {
                    let path = ["repository", &name, "external", ecosystem.as_str()];
                    self.configured(ecosystem, &table, &path)
                }
            };
            upstream.extend(found.map(|upstream| (ecosystem, upstream)));
        }
        let external = upstream.keys().copied().collect();
        let hosts = lower_hosts(entry.hosts);
        let spec = RepositorySpec {
            name,
            upstreams: entry.upstreams,
            external,
        };
        Repository {
            spec,
            hosts,
            upstream,
        }
    }

    fn shared(
        &mut self,
        repository: &str,
        ecosystem: Ecosystem,
        common: &BTreeMap<Ecosystem, Upstream>,
    ) -> Option<Upstream> {
        let upstream = common.get(&ecosystem).cloned();
        if upstream.is_none() {
            self.notes.push(format!(
                "{ecosystem} is off in repository `{repository}`: no upstream is known; \
                 set {ecosystem} = \"http://…\" below [upstreams]",
                ecosystem = ecosystem.as_str(),
            ));
        }
        upstream
    }

    fn configured(
        &mut self,
        ecosystem: Ecosystem,
        table: &UpstreamTable,
        path: &[&str],
    ) -> Option<Upstream> {
        let Some(url) = &table.url else {
            self.findings
                .report(path, "an upstream of its own needs an address; set `url`");
            return None;
        };
        let address = match Address::parse_for(ecosystem, url) {
            Ok(address) => address,
            Err(message) => {
                self.findings.report(path, message);
                return None;
            }
        };
        if self.own.is(&address) {
            let message = "this is the gateway's own address; write that of a registry";
            self.findings.report(path, message);
            return None;
        }
        Some(self.upstream(ecosystem, table, path, (address, Source::Configuration)))
    }

    fn discovered(
        &mut self,
        ecosystem: Ecosystem,
        table: &UpstreamTable,
        path: &[&str],
    ) -> Option<Upstream> {
        let found = self.discovered.found.get(&ecosystem)?;
        let mut address = Address::parse_for(ecosystem, &found.url).ok()?;
        if self.own.is(&address) {
            self.notes.push(format!(
                "{} names this gateway itself as the registry of {} and was left out",
                found.source,
                ecosystem.as_str()
            ));
            return None;
        }
        address.credentials = address.credentials.or_else(|| found.credentials.clone());
        let source = Source::Discovered(found.source.clone());
        Some(self.upstream(ecosystem, table, path, (address, source)))
    }

    fn upstream(
        &mut self,
        ecosystem: Ecosystem,
        table: &UpstreamTable,
        path: &[&str],
        (address, source): (Address, Source),
    ) -> Upstream {
        let mut hosts = Vec::new();
        for host in &table.hosts {
            match parse_host(host) {
                Ok(host) => hosts.push(host),
                Err(message) => self.findings.report(&below(path, "hosts"), message),
            }
        }
        let id = match path {
            ["repository", name, ..] => format!("{name}/{}", ecosystem.as_str()),
            _ => ecosystem.as_str().to_owned(),
        };
        Upstream {
            id,
            ecosystem,
            hosts,
            credentials: self
                .credentials(table, path)
                .or(address.credentials.clone()),
            allow_private: table.allow_private.unwrap_or_else(|| address.is_private()),
            url: address.url,
            source,
        }
    }

    fn credentials(&mut self, table: &UpstreamTable, path: &[&str]) -> Option<Secret> {
        let mut read = |key, written: &Option<String>| {
            let written = written.as_deref()?;
            self.secret(written, &below(path, key))
        };
        let username = read("username", &table.username);
        let password = read("password", &table.password);
        let token = read("token", &table.token);
        let both = table.token.is_some() && (table.username.is_some() || table.password.is_some());
        if both {
            let message = "token and username exclude each other; remove one";
            self.findings.report(&below(path, "token"), message);
        } else if table.username.is_some() != table.password.is_some() {
            let message = "username and password belong together; set both, or a token";
            let key = if table.username.is_some() {
                "username"
            } else {
                "password"
            };
            self.findings.report(&below(path, key), message);
        }
        match (token, username, password) {
            (Some(token), _, _) => Some(Secret::bearer(&token)),
            (None, Some(username), Some(password)) => Some(Secret::basic(&username, &password)),
            _ => None,
        }
    }

    /// The text itself, or the environment variable that it names as `env:NAME`.
    fn secret(&mut self, written: &str, path: &[&str]) -> Option<String> {
        let value = match written.strip_prefix("env:") {
            None => Some(written.to_owned()),
            Some(name) => match self.environment.0.get(name) {
                Some(value) => Some(value.trim().to_owned()),
                None => {
                    let message = format!("the environment has no variable `{name}`; set it");
                    self.findings.report(path, message);
                    None
                }
            },
        }?;
        if value.is_empty() || value.chars().any(char::is_control) {
            let message = "this is empty or has a control character; correct it";
            self.findings.report(path, message);
            return None;
        }
        Some(value)
    }

    fn check_repository(&mut self, name: &str, entry: &RepositoryEntry, all: &BTreeSet<String>) {
        let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good = name.len() <= 100
            && name.bytes().next().is_some_and(first)
            && name
                .bytes()
                .all(|byte| first(byte) || b"._-".contains(&byte));
        if !good {
            let message = "a repository's name stands in addresses; \
                           use a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit";
            self.findings.report(&["repository", name], message);
        }
        let path = ["repository", name, "upstreams"];
        if entry.upstreams.len() > UPSTREAMS_MAX {
            let message = format!(
                "{} repositories are listed; list at most {UPSTREAMS_MAX}",
                entry.upstreams.len()
            );
            self.findings.report(&path, message);
        }
        for other in &entry.upstreams {
            if other == name {
                self.findings
                    .report(&path, "a repository can't be its own upstream; remove it");
            } else if !all.contains(other) {
                let known: Vec<String> = all.iter().cloned().collect();
                let advice = match super::keys::nearest(other, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add [repository.{other}]; registries go below [upstreams]"),
                };
                self.findings
                    .report(&path, format!("there is no repository `{other}`; {advice}"));
            }
        }
    }

    fn check_hosts(&mut self, repositories: &BTreeMap<String, RepositoryEntry>) {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for (name, entry) in repositories {
            for (ecosystem, host) in &entry.hosts {
                let path = ["repository", name, "hosts", ecosystem.as_str()];
                let host = match parse_host(host) {
                    Ok(host) if !host.contains(':') => host,
                    Ok(_) => {
                        self.findings
                            .report(&path, "write the host name without a port");
                        continue;
                    }
                    Err(message) => {
                        self.findings.report(&path, message);
                        continue;
                    }
                };
                if let Some(other) = taken.insert(host, path.join(".")) {
                    let message = format!("{other} has this host name already; give it another");
                    self.findings.report(&path, message);
                }
            }
        }
    }
}

fn below<'a>(path: &[&'a str], key: &'a str) -> Vec<&'a str> {
    path.iter().copied().chain([key]).collect()
}

fn lower_hosts(hosts: BTreeMap<Ecosystem, String>) -> BTreeMap<Ecosystem, String> {
    hosts
        .into_iter()
        .map(|(ecosystem, host)| (ecosystem, host.trim().to_lowercase()))
        .collect()
}
