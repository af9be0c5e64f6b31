//! Requests to a registry's own host that are no package traffic: logging in, publishing outside, pages.
//!
//! They only come where clients believe that they speak with the registry itself. Each kind is refused or passed on as
//! `[network]` says, and logged either way.

use std::sync::Arc;

use rules::{Ecosystem, PackageName};

use super::trace::Trace;
use super::{Context, gate, origins};
use crate::config::{self, Network};
use crate::exchange::{Method, Reply};
use crate::failure::Failure;
use crate::origin::upstream::{Role, Upstream};

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

/// Whether this is npm's login in either form, or what follows it; or PyPI's, or its exchange of an identity for a token.
fn logs_in(ecosystem: Ecosystem, segments: &[String]) -> bool {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (ecosystem, segments.as_slice()) {
        (Ecosystem::Npm, ["-", rest @ ..]) => matches!(
            rest,
            ["user" | "whoami" | "org" | "team", ..]
                | ["v1", "login" | "done", ..]
                | ["npm", "v1", "tokens" | "user" | "oidc", ..]
        ),
        // What is no index has its folder before it.
        (Ecosystem::Pypi, ["files", "account" | "_", ..]) => true,
        _ => false,
    }
}

/// Refuses, or passes on what the registry answers.
pub async fn answer(
    context: Context<'_>,
    (upstream, role): (&Arc<Upstream>, Role),
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let (app, request, route) = (context.app, context.request, context.route);
    let errand = Errand::of(route.ecosystem, request.method, &route.rest.segments);
    if errand == Errand::Login {
        // What follows the kind of login may be a secret of the registry's.
        trace.conceal_target();
    }
    let principal = gate::admit_reader(app, request).await?;
    trace.by(principal.as_ref());
    let (key, setting) = errand.setting(&request.snapshot.config.network);
    let passes = setting == config::Errand::Pass && is_the_registrys(&context, role);
    let told = |what: &str, reason: &str| {
        tracing::info!(
            target: "audit", errand = key, peer = %request.caller.peer,
            mode = request.caller.mode.as_str(), path = trace.target(), reason, "an errand was {what}"
        );
    };
    if !passes {
        let sentence = format!(
            "portcullis: {} does not go through this gateway (network.{key})",
            errand.words()
        );
        told("refused", &sentence);
        return Err(Failure::Forbidden(sentence));
    }
    stays(&context)?;
    told("passed on", "");
    let limits = &request.snapshot.limits;
    app.supply.errand(upstream, request, limits).await
}

/// Whether a request is for the registry's own host, and not for what it keeps elsewhere or for an archive: what we can't
/// read is never what leads to a package's bytes.
fn is_the_registrys(context: &Context<'_>, role: Role) -> bool {
    let last = context.route.rest.segments.last();
    role == Role::Base && !last.is_some_and(|last| is_archive(last))
}

/// Fails if a word of the address is the name of a package that may not come from outside, or be said there.
fn stays(context: &Context<'_>) -> Result<(), Failure> {
    let (ecosystem, segments) = (context.route.ecosystem, &context.route.rest.segments);
    let query = context.request.query.iter();
    let values = query.flat_map(|(key, value)| [key, value]);
    for package in names(ecosystem, segments, values) {
        let origins = origins(context, &package);
        if !origins.reaches_outside()
            && let Some(reason) = origins.refusal()
        {
            return Err(Failure::Refused(Box::new(reason.clone())));
        }
    }
    Ok(())
}

/// Every package that an address may be speaking of.
fn names<'a>(
    ecosystem: Ecosystem,
    segments: &'a [String],
    values: impl Iterator<Item = &'a String>,
) -> Vec<PackageName> {
    let mut texts: Vec<String> = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        texts.push(segment.clone());
        match ecosystem {
            Ecosystem::Npm => texts.extend(
                segments
                    .get(place + 1)
                    .map(|leaf| format!("{segment}/{leaf}")),
            ),
            Ecosystem::Maven => texts.push(format!("{}:{segment}", segments[..place].join("."))),
            Ecosystem::Pypi | Ecosystem::Generic => {}
        }
    }
    for value in values {
        let words = value.split(|letter: char| letter.is_whitespace() || letter == ',');
        texts.extend(words.map(str::to_owned));
    }
    let name = |text: &String| PackageName::parse(ecosystem, text).ok();
    texts.iter().filter_map(name).collect()
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
