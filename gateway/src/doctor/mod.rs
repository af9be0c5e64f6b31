//! `portcullis doctor`: whether each installed client would trust the gateway's authority, whether
//! it would reach the gateway, and what to do if not.
//!
//! The clients' own rules are followed over variables and files ([`rules`], [`roots`], [`routes`]);
//! the network is asked by a [`Probe`] that comes in. Nothing is changed.

use std::collections::BTreeMap;
use std::thread;

use rules::Ecosystem;
use rustls::pki_types::CertificateDer;

use crate::authority::trust::command::{Invocation, Runner};
use crate::config::discover::ask::find_program;
use crate::config::upstream::Address;
use crate::config::{Own, Surroundings};

pub mod clients;
pub mod probe;
mod readers;
mod roots;
mod routes;

use clients::{CLIENTS, Client, Tool};
pub use routes::Target;

/// What is looked at.
pub struct Scene<'a> {
    /// The machine.
    pub surroundings: &'a Surroundings,
    /// How clients are asked for their version, and keytool for a store's roots.
    pub run: Runner<'a>,
    /// The certificate of the gateway's authority.
    pub authority: CertificateDer<'static>,
    /// The gateway's own addresses.
    pub own: Own,
    /// The registry hosts, with their ecosystem.
    pub hosts: Vec<(Ecosystem, String)>,
    /// Where clients reach the gateway's proxy listener, for advice.
    pub proxy: String,
}

/// What answers a connection to a registry host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// A certificate of the gateway's authority.
    Ours,
    /// Another one.
    Another,
    /// There was no handshake; the text says why.
    Nothing(String),
}

/// Connects to a host as a client would. It is asked from several threads at once.
pub trait Probe: Sync {
    /// Shakes hands and tells what was shown.
    fn ask(&self, target: &Target) -> Presented;
}

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// Nothing will go wrong by it, and the user should know.
    Noted,
    /// To be mended.
    Bad,
}

/// One thing that was found of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The client's name.
    pub client: &'static str,
    /// `trust`, or the host that is reached.
    pub subject: String,
    /// How good it is.
    pub state: State,
    /// What was found.
    pub text: String,
    /// A command, or what else to do.
    pub advice: Option<String>,
}

/// Looks at every client that is installed.
pub fn examine(scene: &Scene<'_>, probe: &dyn Probe) -> Vec<Finding> {
    let tools: Vec<Tool<'_>> = CLIENTS.iter().filter_map(|it| tool(it, scene)).collect();
    let presented = ask_all(&tools, scene, probe);
    let mut findings = Vec::new();
    for tool in &tools {
        let reached = reached(tool, scene, &presented);
        let trust = roots::trust(tool, scene);
        let by_setting = registry(tool, scene).is_some();
        // Who asks the gateway by its address needs its certificate, not the authority's.
        let trust = match (by_setting, trust.state) {
            (true, State::Bad) => Finding {
                state: State::Noted,
                ..trust
            },
            _ => trust,
        };
        findings.push(trust);
        findings.extend(reached);
    }
    findings
}

/// One aligned line per finding, and one more where there is something to do.
pub fn lines(findings: &[Finding]) -> Vec<String> {
    let width = |of: fn(&Finding) -> &str| findings.iter().map(|it| of(it).len()).max();
    let client = width(|it| it.client).unwrap_or(0);
    let subject = width(|it| &it.subject).unwrap_or(0);
    let line = |it: &Finding| {
        let advice = match &it.advice {
            Some(advice) => format!("; {advice}"),
            None => String::new(),
        };
        format!(
            "{:<client$}  {:<subject$}  {:<4}  {}{advice}",
            it.client,
            it.subject,
            it.state.as_str(),
            it.text
        )
    };
    findings.iter().map(line).collect()
}

/// Whether there is something to mend.
pub fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|it| it.state != State::Bad)
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Good => "ok",
            State::Noted => "note",
            State::Bad => "BAD",
        }
    }
}

fn tool<'a>(client: &'static Client, scene: &Scene<'a>) -> Option<Tool<'a>> {
    let programs = client.programs.iter();
    let program = programs
        .copied()
        .find(|name| find_program(scene.surroundings, name).is_some())?;
    let answer = (scene.run)(&Invocation::new(program, client.version));
    let said = answer.map(|it| it.output).unwrap_or_default();
    Some(Tool {
        client,
        version: clients::version_in(&said),
        said,
        surroundings: scene.surroundings,
    })
}

/// The client's registry, where that is the gateway itself.
fn registry(tool: &Tool<'_>, scene: &Scene<'_>) -> Option<String> {
    let found = tool.first(tool.client.registry)?;
    let address = Address::parse(&found.value).ok()?;
    scene.own.is(&address).then_some(found.source)
}

/// Every distinct target once, all at the same time: a host that does not answer takes seconds.
fn ask_all(
    tools: &[Tool<'_>],
    scene: &Scene<'_>,
    probe: &dyn Probe,
) -> BTreeMap<Target, Presented> {
    let targets = tools
        .iter()
        .filter(|tool| registry(tool, scene).is_none())
        .flat_map(|tool| hosts(tool, scene).map(|host| routes::target(tool, host)))
        .flatten();
    let mut presented: BTreeMap<Target, Presented> = targets
        .map(|target| (target, Presented::Nothing("it was not asked".to_owned())))
        .collect();
    thread::scope(|scope| {
        for (target, answer) in &mut presented {
            scope.spawn(move || *answer = probe.ask(target));
        }
    });
    presented
}

fn hosts<'a>(tool: &Tool<'_>, scene: &'a Scene<'_>) -> impl Iterator<Item = &'a str> {
    let ecosystem = tool.client.ecosystem;
    let of_client = move |it: &&(Ecosystem, String)| it.0 == ecosystem;
    scene.hosts.iter().filter(of_client).map(|it| it.1.as_str())
}

fn reached(
    tool: &Tool<'_>,
    scene: &Scene<'_>,
    presented: &BTreeMap<Target, Presented>,
) -> Vec<Finding> {
    if let Some(source) = registry(tool, scene) {
        return vec![Finding {
            client: tool.client.name,
            subject: "reach".to_owned(),
            state: State::Good,
            text: format!("reaches by its registry setting ({source})"),
            advice: None,
        }];
    }
    hosts(tool, scene)
        .map(|host| match routes::target(tool, host) {
            Ok(target) => judged(tool, &target, presented.get(&target), scene),
            Err(text) => Finding {
                client: tool.client.name,
                subject: host.to_owned(),
                state: State::Bad,
                text,
                advice: Some("correct the setting".to_owned()),
            },
        })
        .collect()
}

fn judged(
    tool: &Tool<'_>,
    target: &Target,
    presented: Option<&Presented>,
    scene: &Scene<'_>,
) -> Finding {
    let way = target.way();
    let (state, text, advice) = match presented {
        Some(Presented::Ours) => (State::Good, format!("intercepted, {way}"), None),
        Some(Presented::Another) => (
            State::Bad,
            format!("passes by the gateway, {way}"),
            Some(routes::advice(tool, target, &scene.proxy)),
        ),
        Some(Presented::Nothing(why)) => (
            State::Bad,
            format!("unreachable, {way}: {why}"),
            Some(match &target.proxy {
                Some(proxy) => format!(
                    "see that the proxy {}:{} runs: curl -v telnet://{}:{}",
                    proxy.host, proxy.port, proxy.host, proxy.port
                ),
                None => routes::advice(tool, target, &scene.proxy),
            }),
        ),
        None => (State::Bad, "was not asked".to_owned(), None),
    };
    Finding {
        client: tool.client.name,
        subject: target.host.clone(),
        state,
        text,
        advice,
    }
}

#[cfg(test)]
mod tests;
