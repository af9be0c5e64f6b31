//! Endpoints that are neither index, artifact nor publish: answered here, or passed on without internal names.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, header};
use rules::{Ecosystem, PackageName, Place};
use serde_json::json as value;

use super::trace::Trace;
use super::{Context, origins};
use crate::access::Principal;
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::origin::upstream::Upstream;
use crate::protocol::{Location, Service, npm, pypi};
use crate::state::Status;

/// Answers a service request.
pub async fn answer(
    context: &Context<'_>,
    service: Service,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    match &service {
        Service::Ping => Ok(json("{}")),
        Service::Whoami => Ok(whoami(context.principal.as_ref())),
        Service::Projects(form) => {
            let page = pypi::marker::projects(&projects(context), *form);
            Ok(Reply::full(200, page.content_type, page.bytes).with(header::VARY, "Accept"))
        }
        Service::Search { text, .. } => search(context, &service, text).await,
        Service::AdvisoriesBulk => {
            Ok(advisories(context, &service, npm::advisories_request).await?)
        }
        Service::AuditQuick => Ok(advisories(context, &service, npm::audit_request).await?),
        Service::Keys => passed_on(context, &service).await,
        Service::Attestations { package, version } => {
            trace.about(trace.kind, package, Some(version));
            attestations(context, &service, (package, version)).await
        }
    }
}

/// The projects that are published in the repositories that this one reads. What lies outside is not listed: nobody who
/// installs asks for it, and it is large.
fn projects(context: &Context<'_>) -> Vec<String> {
    let shelf = &context.app.shelf;
    let is_here = |package: &PackageName| {
        origins(context, package).iter().any(|origin| {
            matches!(origin.place(), Place::Holding) && shelf.hosts(origin.repository(), package)
        })
    };
    let mut names = shelf.names(Ecosystem::Pypi);
    names.retain(is_here);
    names
        .iter()
        .map(|package| package.name().to_owned())
        .collect()
}

fn json(body: impl Into<Bytes>) -> Reply {
    Reply::full(200, "application/json", body).with(header::CACHE_CONTROL, "no-store")
}

fn whoami(principal: Option<&Principal>) -> Reply {
    if let Some(principal) = principal {
        return json(value!({ "username": principal.name() }).to_string());
    }
    Reply::full(
        401,
        "application/json",
        r#"{"error":"nobody is logged in: this gateway reads anonymously"}"#,
    )
    .with(header::WWW_AUTHENTICATE, r#"Basic realm="portcullis""#)
    .with(header::CACHE_CONTROL, "no-store")
}

/// The registry that answers this repository's services, and the repository that is connected to it.
struct Answering {
    repository: String,
    upstream: Arc<Upstream>,
}

impl Answering {
    /// Whether a name may be said to this very registry: the question every listing asks too.
    fn may_hear(&self, context: &Context<'_>, package: &PackageName) -> bool {
        let origins = origins(context, package);
        origins.iter().any(|origin| {
            matches!(origin.place(), Place::External) && origin.repository() == self.repository
        })
    }
}

/// The repository's own registry, else the first in its search order.
fn answering(context: &Context<'_>) -> Option<Answering> {
    let snapshot = context.snapshot;
    let mut order = vec![context.route.repository.to_string()];
    let mut next = 0;
    while let Some(name) = order.get(next).cloned() {
        if let Some(upstream) = snapshot
            .upstreams
            .get(&(name.clone(), context.route.ecosystem))
        {
            let upstream = Arc::clone(upstream);
            return Some(Answering {
                repository: name,
                upstream,
            });
        }
        let repository = snapshot
            .config
            .repositories
            .iter()
            .find(|each| each.spec.name == name);
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
    answering: &Answering,
    service: &Service,
    body: Option<Bytes>,
) -> Result<Option<Bytes>, Failure> {
    let Some(path) = npm::locate_service(service) else {
        return Ok(None);
    };
    let location = Location::Path(path);
    let limits = &context.snapshot.limits;
    context
        .app
        .supply
        .question(&answering.upstream, &location, body, limits)
        .await
}

async fn passed_on(context: &Context<'_>, service: &Service) -> Result<Reply, Failure> {
    let absent = || Failure::Absent("this document".to_owned());
    let answering = answering(context).ok_or_else(absent)?;
    question(context, &answering, service, None)
        .await?
        .map(json)
        .ok_or_else(absent)
}

async fn attestations(
    context: &Context<'_>,
    service: &Service,
    (package, version): (&PackageName, &str),
) -> Result<Reply, Failure> {
    if let Some(bundle) = published_bundle(context, package, version).await? {
        let shown = npm::hosted::attestations(&bundle);
        return shown.map(|shown| json(shown.to_string())).ok_or_else(|| {
            Failure::Absent(format!(
                "what the provenance of {package} {version} attests"
            ))
        });
    }
    let free = answering(context).is_some_and(|answering| answering.may_hear(context, package));
    if free {
        return passed_on(context, service).await;
    }
    let origins = origins(context, package);
    Err(match origins.refusal() {
        Some(reason) => Failure::Refused(Box::new(reason.clone())),
        None => Failure::Absent(package.to_string()),
    })
}

/// The provenance of a version that is published here, as its client attached it.
async fn published_bundle(
    context: &Context<'_>,
    package: &PackageName,
    version: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let unavailable = |error: crate::state::StateError| Failure::State(error.to_string());
    for origin in origins(context, package).iter() {
        let shelf = &context.app.shelf;
        let hosted = shelf.package(origin.repository(), package).await;
        let Some(hosted) = hosted.map_err(unavailable)? else {
            continue;
        };
        let is_shown = |status| matches!(status, Status::Published | Status::Unlisted);
        let mut versions = hosted.versions.iter();
        let found = versions.find(|it| it.version == version && is_shown(it.status));
        let mut files = found.iter().flat_map(|found| &found.files);
        let Some(bundle) = files.find(|file| file.filename.ends_with(".sigstore")) else {
            continue;
        };
        let (app, bundle) = (Arc::clone(context.app), bundle.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = Vec::new();
            let file = app.shelf.bytes(&bundle).ok().flatten()?;
            std::io::BufReader::new(file).read_to_end(&mut text).ok()?;
            Some(text)
        });
        let read = reading.await.ok().flatten();
        let missing = || Failure::Internal(format!("the provenance of {package} is missing"));
        return read.map(Some).ok_or_else(missing);
    }
    Ok(None)
}

/// A search text can itself be an internal name; such a search is answered here.
async fn search(context: &Context<'_>, service: &Service, text: &str) -> Result<Reply, Failure> {
    let empty = || Ok(json(npm::empty_answer(service).unwrap_or("{}")));
    let Some(answering) = answering(context) else {
        return empty();
    };
    let may_hear = |package: &PackageName| answering.may_hear(context, package);
    if names_in(text).iter().any(|package| !may_hear(package)) {
        return empty();
    }
    match question(context, &answering, service, None).await? {
        Some(body) => {
            let shown = npm::search_answer(&body, &may_hear);
            shown
                .map(json)
                .map_err(|error| Failure::Internal(error.to_string()))
        }
        None => empty(),
    }
}

/// Every package that a search text may be speaking of: each word as a name, as a scope, and as a scoped name.
fn names_in(text: &str) -> Vec<PackageName> {
    let in_name = |letter: char| letter.is_ascii_alphanumeric() || "._~@/-".contains(letter);
    let words = text
        .split(|letter| !in_name(letter))
        .filter(|word| !word.is_empty());
    let readings = words.flat_map(|word| {
        let bare = word.trim_matches(['@', '/']);
        let scope = bare.split('/').next().unwrap_or(bare);
        [
            bare.to_owned(),
            format!("@{bare}"),
            format!("@{scope}/{scope}"),
        ]
    });
    readings
        .filter_map(|name| PackageName::parse(Ecosystem::Npm, &name).ok())
        .collect()
}

type Strip = fn(&[u8], &dyn Fn(&PackageName) -> bool) -> Result<Option<Vec<u8>>, String>;

/// Advisories are asked only for names that may be said outside. An upstream that fails costs the client nothing but
/// the advisories, and npm prints the notice.
async fn advisories(
    context: &Context<'_>,
    service: &Service,
    strip: Strip,
) -> Result<Reply, Failure> {
    let bad = |message: String| Failure::Rejected {
        status: 400,
        message,
    };
    let body = plain_body(context).map_err(bad)?;
    let empty = npm::empty_answer(service).unwrap_or("{}");
    let Some(answering) = answering(context) else {
        return Ok(json(empty));
    };
    let stripped = strip(&body, &|package| answering.may_hear(context, package)).map_err(bad)?;
    let Some(stripped) = stripped else {
        return Ok(json(empty));
    };
    let why = match question(context, &answering, service, Some(stripped.into())).await {
        Ok(Some(body)) => return Ok(json(body)),
        Ok(None) => "the upstream registry has no advisories".to_owned(),
        Err(failure) => failure.sentence(),
    };
    let notice = crate::failure::phrase(&format!("portcullis: advisories were not checked: {why}"));
    Ok(json(empty).with(HeaderName::from_static("npm-notice"), &notice))
}

/// npm and Bun send this body gzip-coded.
fn plain_body(context: &Context<'_>) -> Result<Bytes, String> {
    let body = context.request.body.clone();
    match context.request.field(header::CONTENT_ENCODING).as_deref() {
        None | Some("identity") => Ok(body),
        Some("gzip") => {
            let max = context.snapshot.limits.request_body_bytes;
            let mut plain = Vec::new();
            let read = flate2::read::GzDecoder::new(&body[..])
                .take(max + 1)
                .read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() as u64 <= max => Ok(plain.into()),
                Ok(_) => Err("the decoded body is larger than request_body_bytes".to_owned()),
                Err(_) => Err("the body is not the gzip it says it is".to_owned()),
            }
        }
        Some(other) => Err(format!(
            "the content coding {other:?} is not taken here; send gzip or none"
        )),
    }
}
