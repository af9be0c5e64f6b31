//! Plays a row: a house, its public side, and what is done with them.
//!
//! ```text
//! public NAME VERSION …                                       the public side has these now
//! publish REPOSITORY NAME VERSION [as WHO] [tag TAG] [unannounced] -> taken | STATUS words
//! checksum REPOSITORY NAME VERSION right|upper|wrong          Maven's .md5 -> STATUS words
//! read REPOSITORY NAME VERSION                                -> WHO | outside | STATUS words
//! list REPOSITORY NAME                                        -> VERSION … | nothing
//! tags REPOSITORY NAME                                        -> tag=VERSION …
//! get PATH [MEDIA TYPE]                                       -> STATUS words
//! install REPOSITORY REQUIREMENT                              pip -> works | fails words
//! flags REPOSITORY NAME                                       -> publish/upstream
//! explain REPOSITORY NAME                                     -> words
//! set-flags REPOSITORY NAME PUBLISH/UPSTREAM
//! status REPOSITORY NAME VERSION STATUS                       -> done | refused words
//! copy FROM TO NAME VERSION …                                 -> done words | refused words
//! ```
//!
//! Behind what is seen may stand `, unasked` (the public side saw no request) or `, asked`.

use md5::Digest as _;
use std::collections::BTreeSet;
use std::time::Duration;

use super::coordinate::{Ecosystem, Package};
use super::table::{Act, Row, Settings};
use super::upload::{Upload, send};
use crate::commands::command;
use crate::support::clients::{Client, Sandbox};
use crate::support::gateway::House;
use crate::support::hosted::{put, token};
use crate::support::http::{Reply, Request};
use crate::support::{publish, within};

/// Listings are asked for anew each time, so that a row need not wait for what appears outside.
const FRESH: &str = "fresh_npm = \"0s\"\nfresh_pypi = \"0s\"\nfresh_maven = \"0s\"";

/// How long a record may take to be written behind the answer.
const RECORD_WAIT: Duration = Duration::from_secs(5);

/// The public side's builds.
const OUTSIDE: &str = "outside";
/// Ours, where a row names nobody.
const OURS: &str = "ours";

struct Stage {
    house: House,
    ecosystem: Ecosystem,
    secret: String,
    settings: Settings,
    reloads: usize,
    /// What there is: who built it, and the bytes.
    builds: Vec<(String, Vec<u8>)>,
}

/// Plays a row; what differed from it.
pub fn play(row: &Row, ecosystem: Ecosystem) -> Result<(), String> {
    let mut settings = Settings::default();
    let mut acts = row.acts.iter().peekable();
    while let Some(Act::Configure(next)) = acts.peek() {
        settings.replace(next);
        acts.next();
    }
    let house = House::with_limits(&settings.toml(ecosystem), FRESH);
    let mut stage = Stage {
        secret: token(&house),
        house,
        ecosystem,
        settings,
        reloads: 0,
        builds: Vec::new(),
    };
    for act in acts {
        match act {
            Act::Configure(next) => stage.reconfigure(next)?,
            Act::Do(doing, expected) => {
                let expected = expected.map(|expected| ecosystem.fill(expected));
                stage.act(&ecosystem.fill(doing), expected.as_deref())?;
            }
        }
    }
    Ok(())
}

/// What a doing looks like from outside: the words of the table, and all there is to tell.
struct Seen {
    short: String,
    whole: String,
}

impl Seen {
    fn new(short: impl Into<String>, whole: impl Into<String>) -> Seen {
        let (short, whole) = (short.into(), whole.into());
        Seen { short, whole }
    }

    /// A status other than success, with what was said.
    fn refusal(reply: &Reply) -> Seen {
        let whole = format!("{} {} {}", reply.status, reply.phrase, reply.text());
        Seen::new(reply.status.to_string(), whole)
    }

    /// A command's success or failure, with what it said.
    fn command((status, said): (Option<i32>, String)) -> Seen {
        let short = if status == Some(0) { "done" } else { "refused" };
        Seen::new(short, said)
    }

    /// Whether it is what the table says: all words, or the first one and the rest told somewhere.
    fn is(&self, expected: &str) -> bool {
        let (first, rest) = expected.split_once(' ').unwrap_or((expected, ""));
        let squeezed = self.whole.split_whitespace().collect::<Vec<_>>().join(" ");
        self.short == expected || (self.short == first && squeezed.contains(rest))
    }
}

impl Stage {
    fn package(&self, name: &str) -> Package {
        Package::read(self.ecosystem, name)
    }

    /// Writes the configuration and waits until it is in force.
    fn reconfigure(&mut self, next: &Settings) -> Result<(), String> {
        self.settings.replace(next);
        self.reloads += 1;
        let mark = format!("mark-{}", self.reloads);
        let rules = self.settings.toml(self.ecosystem);
        let modes = "publish = \"block\"\nexternal = \"block\"\ninternal = \"block\"";
        let marked = format!("{rules}[[group]]\npattern = \"/npm//{mark}$\"\n{modes}\n");
        self.house.write_rules(&marked);
        let target = format!("/npm/{}/{mark}", self.settings.first());
        let in_force = within(Duration::from_secs(20), || {
            self.house.get(&target).status == 403
        });
        in_force
            .then_some(())
            .ok_or_else(|| format!("never in force:\n{marked}"))
    }

    /// Does what a line says and compares what is seen of it.
    fn act(&mut self, doing: &str, expected: Option<&str>) -> Result<(), String> {
        let asked_before = self.house.upstream_total();
        let words: Vec<&str> = doing.split(' ').collect();
        let (expected, asks) = match expected.and_then(|it| it.rsplit_once(", ")) {
            Some((first, "unasked")) => (Some(first), Some(false)),
            Some((first, "asked")) => (Some(first), Some(true)),
            _ => (expected, None),
        };
        let Some(seen) = self.done(&words, expected.unwrap_or_default())? else {
            return Ok(());
        };
        if expected.is_some_and(|expected| !seen.is(expected)) {
            let (short, whole) = (seen.short, seen.whole.trim_end().to_owned());
            let expected = expected.unwrap_or_default();
            return Err(format!("{doing} -> {expected}; got {short}: {whole}"));
        }
        let asked = self.house.upstream_total() - asked_before;
        match asks {
            Some(asks) if asks != (asked > 0) => {
                Err(format!("{doing}: {asked} requests to the public side"))
            }
            _ => Ok(()),
        }
    }

    /// What is seen of a doing; nothing of one that only prepares.
    fn done(&mut self, words: &[&str], expected: &str) -> Result<Option<Seen>, String> {
        let seen = match words {
            ["public", name, versions @ ..] => {
                self.publish_outside(name, versions);
                return Ok(None);
            }
            ["set-flags", repository, name, flags] => {
                self.set_flags(repository, name, flags)?;
                return Ok(None);
            }
            ["publish", repository, name, version, more @ ..] => {
                self.publish(repository, name, version, more)
            }
            ["checksum", repository, name, version, form] => {
                self.checksum(repository, name, version, form)
            }
            ["read", repository, name, version] => self.read(repository, name, version),
            ["list", repository, name] => self.list(repository, name),
            ["tags", repository, name] => self.tags(repository, name),
            ["get", path, accept @ ..] => self.get(path, accept.first().copied()),
            // Without pip there is nothing to see; `clients.rs` has said so, or failed.
            ["install", repository, requirement] => {
                return Ok(self.install(repository, requirement));
            }
            ["flags", repository, name] => self.flags(repository, name, expected),
            ["explain", repository, name] => {
                let path = self.package(name).path();
                let told = self.house.explain(&path, &["--repository", repository]);
                Seen::new("told", told)
            }
            ["status", repository, name, version, status] => {
                let path = self.package(name).path();
                let fixed = ["version", "set-status", &path, version, status];
                self.operate(&[&fixed[..], &["--repository", repository]].concat())?
            }
            ["copy", from, to, name, versions @ ..] => {
                let path = self.package(name).path();
                let places = ["--from", from, "--to", to];
                self.operate(&[&["copy", &path][..], versions, &places].concat())?
            }
            other => return Err(format!("not in the language: {other:?}")),
        };
        Ok(Some(seen))
    }

    fn publish_outside(&mut self, name: &str, versions: &[&str]) {
        let (house, package) = (&self.house, self.package(name));
        let files = match self.ecosystem {
            Ecosystem::Npm => publish::npm(&house.npm, &package.npm(), versions),
            Ecosystem::Pypi => {
                let listed = publish::pypi(&house.pypi, &package.name, versions);
                listed.into_iter().map(|listed| listed.bytes).collect()
            }
            Ecosystem::Maven => {
                let coordinate = (package.namespace.as_str(), package.name.as_str());
                publish::maven(&house.maven, coordinate, versions, "jar")
            }
        };
        let built = files.into_iter().map(|bytes| (OUTSIDE.to_owned(), bytes));
        self.builds.extend(built);
    }

    fn publish(&mut self, repository: &str, name: &str, version: &str, more: &[&str]) -> Seen {
        let after = |word: &str| {
            let at = more.iter().position(|each| *each == word)?;
            more.get(at + 1).copied()
        };
        let by = after("as").unwrap_or(OURS);
        let package = self.package(name);
        let file = package.built(version, by);
        self.builds.push((by.to_owned(), file.clone()));
        let upload = Upload {
            repository,
            package: &package,
            version,
            file,
            tag: after("tag").unwrap_or("latest"),
            announced: !more.contains(&"unannounced"),
        };
        let reply = send(&self.house, &self.secret, &upload);
        match reply.status {
            200 | 201 => Seen::new("taken", ""),
            _ => Seen::refusal(&reply),
        }
    }

    fn checksum(&self, repository: &str, name: &str, version: &str, form: &str) -> Seen {
        let package = self.package(name);
        let digest = md5::Md5::digest(package.built(version, OURS));
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = match form {
            "upper" => digits.to_uppercase(),
            "wrong" => "0".repeat(32),
            _ => digits,
        };
        let path = format!("{}.md5", package.file(repository, version));
        Seen::refusal(&put(&self.house, &self.secret, &path, digits))
    }

    fn read(&self, repository: &str, name: &str, version: &str) -> Seen {
        let reply = self
            .house
            .get(&self.package(name).file(repository, version));
        if reply.status != 200 {
            return Seen::refusal(&reply);
        }
        let mut builds = self.builds.iter();
        let built = builds.find(|(_, bytes)| *bytes == reply.body);
        Seen::new(built.map_or("bytes of nobody", |(by, _)| by), "")
    }

    fn list(&self, repository: &str, name: &str) -> Seen {
        let package = self.package(name);
        let request = Request::get(&package.index(repository));
        let request = match self.ecosystem {
            Ecosystem::Pypi => request.header("Accept", publish::SIMPLE_JSON),
            Ecosystem::Npm | Ecosystem::Maven => request,
        };
        let reply = self.house.send(&request);
        let versions = match reply.status {
            200 => package.listed(&reply.text()).join(" "),
            403 | 404 => String::new(),
            _ => return Seen::refusal(&reply),
        };
        match versions.as_str() {
            "" => Seen::new("nothing", Seen::refusal(&reply).whole),
            _ => Seen::new(versions, reply.text()),
        }
    }

    fn tags(&self, repository: &str, name: &str) -> Seen {
        let name = self.package(name).npm();
        let target = format!("/npm/{repository}/-/package/{name}/dist-tags");
        let reply = self.house.get(&target);
        let tags: BTreeSet<String> = match reply.status {
            200 => {
                let document = reply.json();
                let tags = document.as_object().cloned().unwrap_or_default();
                let text = |version: &serde_json::Value| version.as_str().map(str::to_owned);
                let shown = |(tag, version)| format!("{tag}={}", text(version).unwrap_or_default());
                tags.iter().map(shown).collect()
            }
            _ => return Seen::refusal(&reply),
        };
        let tags: Vec<String> = tags.into_iter().collect();
        Seen::new(tags.join(" "), reply.text())
    }

    fn get(&self, path: &str, accept: Option<&str>) -> Seen {
        let request = Request::get(path);
        let request = match accept {
            Some(accept) => request.header("Accept", accept),
            None => request,
        };
        Seen::refusal(&self.house.send(&request))
    }

    fn install(&self, repository: &str, requirement: &str) -> Option<Seen> {
        let index = self.house.url(&format!("/pypi/{repository}/simple/"));
        let run = Sandbox::new().pip_install(Client::Pip, &index, requirement)?;
        let short = if run.success { "works" } else { "fails" };
        Some(Seen::new(short, run.text))
    }

    /// The record is written behind the answer, so it is waited for.
    fn flags(&self, repository: &str, name: &str, expected: &str) -> Seen {
        let path = self.package(name).path();
        let mut seen = Seen::new("", "");
        within(RECORD_WAIT, || {
            let show = ["package", "show", &path, "--repository", repository];
            let (_, said) = command(&self.house, &show);
            let after = |word: &str| {
                let rest = said.split_once(word).map_or("", |(_, rest)| rest);
                rest.split_whitespace().next().unwrap_or("none").to_owned()
            };
            let short = format!("{}/{}", after("  publish "), after("  upstream "));
            seen = Seen::new(short, said);
            seen.is(expected)
        });
        seen
    }

    fn set_flags(&self, repository: &str, name: &str, flags: &str) -> Result<(), String> {
        let (publish, upstream) = flags.split_once('/').expect("two flags");
        let path = self.package(name).path();
        let fixed = ["package", "set-origin", &path, "--repository", repository];
        let flags = ["--publish", publish, "--upstream", upstream];
        let seen = self.operate(&[&fixed[..], &flags].concat())?;
        match seen.short.as_str() {
            "done" => Ok(()),
            _ => Err(seen.whole),
        }
    }

    /// Runs a command on the records. A write makes the gateway look at them before it answers,
    /// so what the command changed is in force then.
    fn operate(&self, arguments: &[&str]) -> Result<Seen, String> {
        let seen = Seen::command(command(&self.house, arguments));
        let repository = self.settings.first();
        let target = format!("/npm/{repository}/-/package/nothing/dist-tags/nothing");
        let request = Request::new("DELETE", &target);
        let request = request.header("Authorization", &format!("Bearer {}", self.secret));
        let reply = self.house.send(&request);
        match reply.status {
            200 => Ok(seen),
            _ => Err(Seen::refusal(&reply).whole),
        }
    }
}
