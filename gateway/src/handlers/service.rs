//! Endpoints that are neither index, artifact nor publish: answered here, or passed on without internal names.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, header};
use rules::{Ecosystem, PackageName, Place};

use super::Context;
use super::trace::Trace;
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::origin::upstream::Upstream;

use crate::protocol::{Location, Service, npm, pypi};

/// Answers a service request.
pub async fn answer(
    context: &Context<'_>,
    service: Service,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    match &service {
        Service::Ping => Ok(json("{}")),
        Service::Whoami => Ok(whoami()),
        Service::Projects(form) => {
            let page = pypi::marker::projects(&[], *form);
            Ok(Reply::full(200, page.content_type, page.bytes).with(header::VARY, "Accept"))
        }
        Service::Search { text, .. } => search(context, &service, text).await,
        Service::AdvisoriesBulk => Ok(advisories(context, &service, npm::advisories_request).await?),
        Service::AuditQuick => Ok(advisories(context, &service, npm::audit_request).await?),
        Service::Keys => passed_on(context, &service).await,
        Service::Attestations { package, version } => {
            trace.about(trace.kind, package, Some(version));
            may_leave(context, package)?;
            passed_on(context, &service).await
        }
    }
}

fn json(body: impl Into<Bytes>) -> Reply {
    Reply::full(200, "application/json", body).with(header::CACHE_CONTROL, "no-store")
}

fn whoami() -> Reply {
    Reply::full(401, "application/json", r#"{"error":"nobody is logged in: this gateway reads anonymously"}"#)
        .with(header::WWW_AUTHENTICATE, r#"Basic realm="portcullis""#)
        .with(header::CACHE_CONTROL, "no-store")
}

/// Whether a name may be said to an upstream at all: the question every listing asks too.
fn is_free(context: &Context<'_>, package: &PackageName) -> bool {
    let origins = context.snapshot.policy.origins(package, &context.route.repository);
    origins.iter().any(|origin| matches!(origin.place(), Place::External))
}

fn may_leave(context: &Context<'_>, package: &PackageName) -> Result<(), Failure> {
    let origins = context.snapshot.policy.origins(package, &context.route.repository);
    let asked = origins.iter().any(|origin| matches!(origin.place(), Place::External));
    match origins.refusal() {
        Some(reason) if !asked => Err(Failure::Refused(Box::new(reason.clone()))),
        _ => Ok(()),
    }
}

/// The registry that answers this repository's services: its own, else the first in its search order.
fn upstream(context: &Context<'_>) -> Option<Arc<Upstream>> {
    let snapshot = context.snapshot;
    let mut order = vec![context.route.repository.clone()];
    let mut next = 0;
    while let Some(name) = order.get(next).cloned() {
        if let Some(upstream) = snapshot.upstreams.get(&(name.clone(), context.route.ecosystem)) {
            return Some(Arc::clone(upstream));
        }
        let repository = snapshot.config.repositories.iter().find(|each| each.spec.name == name);
        for below in repository.iter().flat_map(|each| &each.spec.upstreams) {
            if !order.contains(below) {
                order.push(below.clone());
            }
        }
        next += 1;
    }
    None
}

async fn question(
    context: &Context<'_>,
    service: &Service,
    body: Option<Bytes>,
) -> Result<Option<Bytes>, Failure> {
    let (Some(upstream), Some(path)) = (upstream(context), npm::locate_service(service)) else {
        return Ok(None);
    };
    let location = Location::Path(path);
    context.app.supply.question(&upstream, &location, body, &context.snapshot.limits).await
}

async fn passed_on(context: &Context<'_>, service: &Service) -> Result<Reply, Failure> {
    match question(context, service, None).await? {
        Some(body) => Ok(json(body)),
        None => Err(Failure::Absent("this document".to_owned())),
    }
}

/// A search text can itself be an internal name; such a search is answered here.
async fn search(context: &Context<'_>, service: &Service, text: &str) -> Result<Reply, Failure> {
    const EMPTY: &str = r#"{"objects":[],"total":0}"#;
    let policy = &context.snapshot.policy;
    let words = text.split([' ', ',', '\t']).map(|word| word.split_once(':').map_or(word, |(_, name)| name));
    let internal = words
        .filter_map(|word| PackageName::parse(Ecosystem::Npm, word).ok())
        .any(|package| policy.claimed(&package) || !is_free(context, &package));
    if internal {
        return Ok(json(EMPTY));
    }
    match question(context, service, None).await? {
        Some(body) => {
            let shown = npm::search_answer(&body, &|package| is_free(context, package));
            shown.map(json).map_err(|error| Failure::Internal(error.to_string()))
        }
        None => Ok(json(EMPTY)),
    }
}

type Strip = fn(&[u8], &dyn Fn(&PackageName) -> bool) -> Result<Option<Vec<u8>>, String>;

/// Advisories are asked only for names that may be said outside. An upstream that fails costs the client nothing but
/// the advisories, and npm prints the notice.
async fn advisories(
    context: &Context<'_>,
    service: &Service,
    strip: Strip,
) -> Result<Reply, Failure> {
    let bad = |message: String| Failure::Rejected { status: 400, message };
    let body = plain_body(context).map_err(bad)?;
    let stripped = strip(&body, &|package| is_free(context, package)).map_err(bad)?;
    let Some(stripped) = stripped else { return Ok(json("{}")) };
    match question(context, service, Some(stripped.into())).await {
        Ok(Some(body)) => Ok(json(body)),
        Ok(None) => Ok(unchecked("the upstream registry has no advisories")),
        Err(failure) => Ok(unchecked(&failure.sentence())),
    }
}

fn unchecked(why: &str) -> Reply {
    let notice = crate::failure::phrase(&format!("portcullis: advisories were not checked: {why}"));
    json("{}").with(HeaderName::from_static("npm-notice"), &notice)
}

/// npm and Bun send this body gzip-coded.
fn plain_body(context: &Context<'_>) -> Result<Bytes, String> {
    let body = context.request.body.clone();
    match context.request.field(header::CONTENT_ENCODING).as_deref() {
        None | Some("identity") => Ok(body),
        Some("gzip") => {
            let max = context.snapshot.limits.request_body_bytes;
            let mut plain = Vec::new();
            let read = flate2::read::GzDecoder::new(&body[..]).take(max + 1).read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() as u64 <= max => Ok(plain.into()),
                Ok(_) => Err("the decoded body is larger than request_body_bytes".to_owned()),
                Err(_) => Err("the body is not the gzip it says it is".to_owned()),
            }
        }
        Some(other) => Err(format!("the content coding {other:?} is not taken here; send gzip or none")),
    }
}
