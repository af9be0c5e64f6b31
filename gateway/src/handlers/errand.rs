//! Requests to a registry's own host that are no package traffic: logging in, publishing outside, pages.
//!
//! They only come where clients believe that they speak with the registry itself. Each kind is refused or passed on as
//! `[network]` says, and logged either way.

use rules::Ecosystem;

use super::gate;
use super::trace::Trace;
use crate::app::App;
use crate::config::{self, Network};
use crate::edge::route::Route;
use crate::exchange::{Method, Reply, Request};
use crate::failure::Failure;
use crate::origin::upstream::Upstream;
use std::sync::Arc;

/// What somebody wants of a registry besides packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    Login,
    Publish,
    Page,
}

impl Errand {
    /// What a request is that is no package traffic.
    fn of(ecosystem: Ecosystem, method: Method, segments: &[String]) -> Self {
        if logs_in(ecosystem, segments) {
            Self::Login
        } else if gate::writes(method) {
            Self::Publish
        } else {
            Self::Page
        }
    }

    fn setting(self, settings: &Network) -> (&'static str, config::Errand) {
        match self {
            Self::Login => ("login", settings.login),
            Self::Publish => ("publish", settings.publish),
            Self::Page => ("pages", settings.pages),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Login => "logging in at a public registry",
            Self::Publish => "publishing to a public registry",
            Self::Page => "what is no package",
        }
    }
}

/// Whether this is npm's login in either form, or what follows it; or PyPI's exchange of an identity for a token.
pub fn logs_in(ecosystem: Ecosystem, segments: &[String]) -> bool {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (ecosystem, segments.as_slice()) {
        (Ecosystem::Npm, ["-", rest @ ..]) => matches!(
            rest,
            ["user" | "whoami" | "org" | "team", ..]
                | ["v1", "login" | "done", ..]
                | ["npm", "v1", "tokens" | "user" | "oidc", ..]
        ),
        // A repository's folder stands before it, since the path is no index.
        (Ecosystem::Pypi, [.., "account", _] | [_, "account" | "_", ..]) => true,
        _ => false,
    }
}

/// Refuses, or passes on what the registry answers.
pub async fn answer(
    app: &Arc<App>,
    request: &Request,
    (route, upstream): (&Route, &Arc<Upstream>),
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let errand = Errand::of(route.ecosystem, request.method, &route.rest.segments);
    let (key, setting) = errand.setting(&request.snapshot.config.network);
    let is_archive = route
        .rest
        .segments
        .last()
        .is_some_and(|last| is_archive(last));
    if setting == config::Errand::Refuse || is_archive {
        let sentence = format!(
            "portcullis: {} does not go through this gateway (network.{key})",
            errand.words()
        );
        tracing::info!(
            target: "audit", errand = key, peer = %request.caller.peer,
            mode = request.caller.mode.as_str(), path = &*request.target, reason = sentence,
            "an errand was refused"
        );
        return Err(Failure::Forbidden(sentence));
    }
    tracing::info!(
        target: "audit", errand = key, peer = %request.caller.peer,
        mode = request.caller.mode.as_str(), path = &*request.target, "an errand was passed on"
    );
    trace.at(route);
    let limits = &request.snapshot.limits;
    app.supply.errand(upstream, request, limits).await
}

/// A path that we can't read is never one that leads to a package's bytes.
fn is_archive(file: &str) -> bool {
    const ENDS: [&str; 12] = [
        ".tgz",
        ".whl",
        ".tar.gz",
        ".tar.bz2",
        ".tar.xz",
        ".zip",
        ".egg",
        ".jar",
        ".war",
        ".aar",
        ".pom",
        ".metadata",
    ];
    let file = file.to_ascii_lowercase();
    ENDS.iter().any(|end| file.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errands_are_told_apart() {
        for (ecosystem, method, path, expected) in [
            (
                Ecosystem::Npm,
                Method::Put,
                "-/user/org.couchdb.user:me",
                Errand::Login,
            ),
            (Ecosystem::Npm, Method::Post, "-/v1/login", Errand::Login),
            (Ecosystem::Npm, Method::Get, "-/whoami", Errand::Login),
            (
                Ecosystem::Npm,
                Method::Get,
                "-/npm/v1/tokens",
                Errand::Login,
            ),
            (Ecosystem::Npm, Method::Put, "left-pad", Errand::Publish),
            (
                Ecosystem::Npm,
                Method::Delete,
                "left-pad/-rev/1",
                Errand::Publish,
            ),
            (Ecosystem::Npm, Method::Get, "-/all", Errand::Page),
            (
                Ecosystem::Pypi,
                Method::Post,
                "files/legacy",
                Errand::Publish,
            ),
            (
                Ecosystem::Pypi,
                Method::Post,
                "files/_/oidc/mint-token",
                Errand::Login,
            ),
            (
                Ecosystem::Pypi,
                Method::Get,
                "files/project/six",
                Errand::Page,
            ),
            (
                Ecosystem::Pypi,
                Method::Get,
                "files/account/login",
                Errand::Login,
            ),
            (
                Ecosystem::Maven,
                Method::Put,
                "a/b/1/b-1.jar",
                Errand::Publish,
            ),
            (Ecosystem::Maven, Method::Get, ".index", Errand::Page),
        ] {
            let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(Errand::of(ecosystem, method, &segments), expected, "{path}");
        }
    }
}
