//! The operator's listener: metrics, health, decisions. Nothing of it is reachable on the client listener.

use std::sync::Arc;

use http::header;
use serde_json::json;

use crate::app::{App, Snapshot};
use crate::config::Limits;
use crate::edge::head::Head;
use crate::edge::{Answer, Answerer, Deciding, Intake};
use crate::exchange::{Body, Caller, Method, Reply};

/// The admin listener's answerer.
pub struct Admin(pub Arc<App>);

impl Answerer for Admin {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.0.snapshot.load().limits)
    }

    fn answer<'a>(&'a self, head: Head, _body: Body, _caller: &'a Caller) -> Answer<'a> {
        Box::pin(async move {
            let reply = self.reply(&head).await;
            let reply = reply.with(header::CACHE_CONTROL, "no-store");
            (reply, Box::new(|_| {}) as _)
        })
    }

    fn intake<'a>(&'a self, _head: &'a Head, _caller: &'a Caller) -> Deciding<'a> {
        let refusal = text(405, "this address takes no upload\n");
        Box::pin(std::future::ready(Intake::Refused(Box::new(refusal))))
    }

    fn refused_at_edge(&self, status: u16) {
        self.0.observer.metrics.edge_refused(status);
    }
}

impl Admin {
    async fn reply(&self, head: &Head) -> Reply {
        if !matches!(head.method, Method::Get | Method::Head) {
            return text(405, "this address is read with GET\n");
        }
        let segments: Vec<&str> = head.path.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [] => text(200, "/metrics\n/healthz\n/readyz\n/decisions\n"),
            ["metrics"] => {
                let stats = self.0.supply.cache.stats();
                let snapshot = self.0.snapshot.load();
                let scrape = self.0.observer.metrics.scrape(&stats, &snapshot.policy);
                Reply::full(200, "text/plain; version=0.0.4", scrape)
            }
            ["healthz"] => self.health(),
            ["readyz"] => match self.0.state.is_well().await {
                true => text(200, "ready\n"),
                false => text(503, "the state database does not answer\n"),
            },
            ["decisions"] => document(&json!(self.0.observer.audit.all())),
            ["decisions", id] => match self.0.observer.audit.find(id) {
                Some(record) => document(&record),
                None => text(404, "no such decision is remembered\n"),
            },
            _ => text(404, "not here; see /\n"),
        }
    }

    /// Alive, and with which rules. A refused reload keeps the old rules in force and shows here.
    fn health(&self) -> Reply {
        let snapshot = self.0.snapshot.load();
        let uptime = self
            .0
            .started_at
            .elapsed()
            .map(|since| since.as_secs())
            .unwrap_or_default();
        let refused = self.0.reload_refused.load();
        let stale = stale_feed(&snapshot);
        let degraded = refused.is_some() || stale.is_some();
        document(&json!({
            "status": if degraded { "degraded" } else { "ok" },
            "advisories": snapshot.policy.knowledge().advisories().len(),
            "advisories_stale": stale,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": uptime,
            "policy_revision": format!("{:x}", snapshot.policy.revision()),
            "reload_refused": refused.as_deref().cloned(),
        }))
    }
}

/// Why the advisories are too old to rely on; `None` if they are not, or if there is no feed.
fn stale_feed(snapshot: &Snapshot) -> Option<String> {
    let settings = &snapshot.config.advisories;
    if settings.sources.is_empty() {
        return None;
    }
    let newest = snapshot.policy.knowledge().advisories().newest()?;
    let age = newest.elapsed().ok()?;
    (age > settings.max_age.duration()).then(|| {
        let (date, limit) = (rules::moment::show(newest), settings.max_age);
        format!("the newest advisory is of {date}Z, older than advisories.max_age = {limit}")
    })
}

fn text(status: u16, body: &'static str) -> Reply {
    Reply::full(status, "text/plain; charset=utf-8", body)
}

fn document(value: &serde_json::Value) -> Reply {
    Reply::full(200, "application/json", format!("{value:#}\n"))
}
