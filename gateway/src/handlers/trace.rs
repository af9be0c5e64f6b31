//! What is learnt of a request on its way; it ends as the one `Outcome`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header;
use rules::{Ecosystem, PackageName, Reason};

use crate::access::Principal;
use crate::edge::Sent;
use crate::edge::route::Route;
use crate::exchange::{Mode, Request};
use crate::failure::Failure;
use crate::observe::outcome::{Decided, client_family};
use crate::observe::{Kind, Outcome};
use crate::origin::CacheOutcome;

/// The record in the making.
pub struct Trace {
    received_at: SystemTime,
    method: &'static str,
    target: Arc<str>,
    peer: SocketAddr,
    mode: Mode,
    client: &'static str,
    pub ecosystem: Option<Ecosystem>,
    repository: Option<Arc<str>>,
    pub kind: Kind,
    package: Option<PackageName>,
    version: Option<String>,
    pub status: u16,
    pub cache: CacheOutcome,
    pub decision: Option<Decided>,
    principal: Option<String>,
}

impl Trace {
    pub fn of(request: &Request) -> Self {
        let agent = request.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        Self {
            received_at: request.received_at,
            method: request.method.as_str(),
            target: Arc::clone(&request.target),
            peer: request.caller.peer,
            mode: request.caller.mode,
            client: client_family(agent.unwrap_or_default()),
            ecosystem: None,
            repository: None,
            kind: Kind::Other,
            package: None,
            version: None,
            status: 0,
            cache: CacheOutcome::None,
            decision: None,
            principal: None,
        }
    }

    /// Notes who asks.
    pub fn by(&mut self, principal: Option<&Principal>) {
        self.principal = principal.map(|principal| principal.name().to_owned());
    }

    /// The target as it is logged.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Logs no more of the target than its first two segments.
    pub fn conceal_target(&mut self) {
        let mut ends = self.target.match_indices(['/', '?']);
        if let Some((end, _)) = ends.nth(2) {
            self.target = format!("{}/[redacted]", &self.target[..end]).into();
        }
    }

    pub fn at(&mut self, route: &Route) {
        self.ecosystem = Some(route.ecosystem);
        self.repository = Some(Arc::clone(&route.repository));
    }

    pub fn about(&mut self, kind: Kind, package: &PackageName, version: Option<&str>) {
        self.kind = kind;
        self.package = Some(package.clone());
        self.version = version.map(str::to_owned);
    }

    /// Notes the decision of a failure that a rule caused.
    pub fn note_failure(&mut self, failure: &Failure, id: &str) {
        if let Some(reason) = failure.reason() {
            self.note_refusal(reason, id);
        }
    }

    /// Notes a refusal, however it is told.
    pub fn note_refusal(&mut self, reason: &Reason, id: &str) {
        let verdict = match reason.until {
            Some(_) => "hold",
            None => "deny",
        };
        self.note(reason, verdict, id);
    }

    /// Notes what was served although a rule has something against it.
    pub fn note_warning(&mut self, reason: &Reason, id: &str) {
        let verdict = if reason.observed { "observe" } else { "warn" };
        self.note(reason, verdict, id);
    }

    fn note(&mut self, reason: &Reason, verdict: &'static str, id: &str) {
        self.decision = Some(Decided {
            id: id.to_owned(),
            verdict,
            control: reason.control.as_str(),
            group: reason.group.clone(),
            sentence: reason.sentence.clone(),
        });
    }

    pub fn finish(self, sent: Sent, duration: Duration) -> Outcome {
        Outcome {
            received_at: self.received_at,
            method: self.method,
            target: self.target,
            peer: self.peer,
            mode: self.mode,
            client: self.client,
            ecosystem: self.ecosystem,
            repository: self.repository,
            kind: self.kind,
            package: self.package,
            version: self.version,
            status: self.status,
            cache: self.cache,
            decision: self.decision,
            principal: self.principal,
            bytes: sent.body_bytes,
            complete: sent.complete,
            duration,
        }
    }
}
