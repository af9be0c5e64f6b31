//! The flow, once, for all ecosystems: route, parse, then one of the handlers; failures become replies here.

mod absence;
mod artifact;
mod conditions;
mod encode;
mod errand;
mod evidence;
mod gate;
mod index;
mod memo;
mod preflight;
mod publish;
mod published;
mod retained;
mod service;
mod trace;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header;

use rules::{Origin, Origins, PackageName};

use crate::access::{self, Denial, Principal};
use crate::app::{App, Snapshot, protocol_of};
use crate::config::Limits;
use crate::edge::head::Head;
use crate::edge::host_without_port;
use crate::edge::registries::Spoken;
use crate::edge::route::{Route, route};
use crate::edge::{Answer, Answerer, Deciding, Intake};
use crate::exchange::{Ask, Body, Caller, Landing, Method, Mode, Path, Reply, Request};
use crate::failure::{Failure, Telling};
use crate::observe::Kind;
use crate::protocol::{Protocol, Rejection, Service, Target};
use crate::state::Right;

pub use gate::{denied, is_token, principal_of, writes};
pub use memo::Memo;
use trace::Trace;

/// What every handler has at hand.
pub struct Context<'a> {
    pub app: &'a Arc<App>,
    pub request: &'a Request,
    pub snapshot: &'a Arc<Snapshot>,
    pub route: &'a Route,
    pub protocol: &'static dyn Protocol,
    pub accept: Option<String>,
    /// Who reads, if that is known.
    pub principal: Option<Principal>,
}

/// The client listener's answerer.
pub struct Gateway(pub Arc<App>);

impl Answerer for Gateway {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.0.snapshot.load().limits)
    }

    fn answer<'a>(&'a self, head: Head, body: Body, caller: &'a Caller) -> Answer<'a> {
        Box::pin(async move {
            let (body, upload) = body.parts();
            let started = Instant::now();
            let snapshot = self.0.snapshot.load_full();
            let place = place(&snapshot, &head.host, head.path, caller.mode);
            let request = Request {
                method: head.method,
                query: head.query,
                target: access::masked(&head.target).unwrap_or(head.target),
                headers: head.headers,
                body,
                upload,
                received_at: SystemTime::now(),
                caller: caller.clone(),
                snapshot,
            };
            let mut trace = Trace::of(&request);
            let reply = handle(&self.0, &request, place, &mut trace).await;
            trace.status = reply.status;
            let app = Arc::clone(&self.0);
            let after = move |sent| app.observer.record(&trace.finish(sent, started.elapsed()));
            (reply, Box::new(after) as _)
        })
    }

    fn intake<'a>(&'a self, head: &'a Head, caller: &'a Caller) -> Deciding<'a> {
        Box::pin(intake(&self.0, head, caller))
    }

    fn refused_at_edge(&self, status: u16) {
        self.0.observer.metrics.edge_refused(status);
    }
}

/// What becomes of a body. An upload is only taken from those who may publish something.
async fn intake(app: &Arc<App>, head: &Head, caller: &Caller) -> Intake {
    let snapshot = app.snapshot.load_full();
    let place = place(&snapshot, &head.host, head.path.clone(), caller.mode);
    let Place::Repository(route) = place else {
        return Intake::Memory;
    };
    let first = route.rest.segments.first().map(String::as_str);
    if !publish::takes_upload(route.ecosystem, head.method, first) {
        return Intake::Memory;
    }
    let principal = gate::principal(app, &head.headers, SystemTime::now()).await;
    let failure = match principal {
        Ok(Some(principal)) => match principal.may_in(Right::Publish, &route.repository) {
            Ok(()) => match Arc::clone(&app.uploads).try_acquire_owned() {
                Ok(turn) => {
                    let folder = app.shelf.blobs.spool_folder().to_owned();
                    return Intake::File(Landing { folder, turn });
                }
                Err(_) => Failure::Rejected {
                    status: 503,
                    message: "as many uploads as may be (limits.uploads) arrive already; try again"
                        .to_owned(),
                },
            },
            Err(refused) => Failure::Forbidden(refused.sentence),
        },
        Ok(None) => gate::denied(Denial::PublishNeedsToken),
        Err(failure) => failure,
    };
    tracing::info!(target: "audit", peer = %caller.peer, reason = failure.sentence(), "an upload was refused");
    app.observer.metrics.edge_refused(failure.status());
    let telling = Telling {
        ecosystem: Some(route.ecosystem),
        problem_json: snapshot.config.problem_json,
        decision: "",
    };
    Intake::Refused(Box::new(failure.reply(telling)))
}

/// What an address leads to.
enum Place {
    FrontPage,
    /// `/-/preflight/REPOSITORY`
    Preflight(String),
    Repository(Route),
    /// A registry's own address, whose client believes to speak with the registry.
    Registry(Route, Spoken),
    Nowhere,
    /// A registry's host, but nothing of the registry's.
    Elsewhere,
}

fn place(snapshot: &Snapshot, host: &str, path: Path, mode: Mode) -> Place {
    if mode.is_intercepted() {
        let found = snapshot.registries.route(host_without_port(host), &path);
        return found.map_or(Place::Elsewhere, |(route, spoken)| {
            Place::Registry(route, spoken)
        });
    }
    if path.segments.is_empty() {
        return Place::FrontPage;
    }
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).take(4).collect();
    if let ["-", "preflight", repository] = segments[..] {
        return Place::Preflight(repository.to_owned());
    }
    route(snapshot, host, path).map_or(Place::Nowhere, Place::Repository)
}

/// One request, from target to reply.
async fn handle(app: &Arc<App>, request: &Request, place: Place, trace: &mut Trace) -> Reply {
    let result = match &place {
        Place::FrontPage => front_page(request),
        Place::Preflight(repository) => Box::pin(preflight::answer(app, request, repository)).await,
        Place::Repository(route) => answered(app, request, route, trace).await,
        Place::Registry(route, spoken) => {
            Box::pin(crossed(app, request, (route, spoken), trace)).await
        }
        Place::Elsewhere => Err(Failure::Rejected {
            status: 404,
            message: "this host's registry has no such address".to_owned(),
        }),
        Place::Nowhere => Err(Failure::Rejected {
            status: 404,
            message: "no repository has this address; addresses are /npm/REPOSITORY/, \
                      /pypi/REPOSITORY/simple/ and /maven/REPOSITORY/"
                .to_owned(),
        }),
    };
    match result {
        Ok(reply) => reply,
        Err(failure) => {
            let decision = match failure.reason() {
                Some(_) => app.observer.audit.next_id(),
                None => String::new(),
            };
            if let Failure::Internal(detail)
            | Failure::State(detail)
            | Failure::Upstream { detail, .. } = &failure
            {
                tracing::warn!(path = trace.target(), detail, "request failed");
            }
            trace.note_failure(&failure, &decision);
            let telling = Telling {
                ecosystem: trace.ecosystem,
                problem_json: request.snapshot.config.problem_json,
                decision: &decision,
            };
            failure.reply(telling)
        }
    }
}

async fn answered(
    app: &Arc<App>,
    request: &Request,
    route: &Route,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    trace.at(route);
    let context = context(app, request, route);
    let parsed = parsed(&context);
    let may_write = gate::writes(request.method) || !request.query.is_empty();
    if may_write && let Some(answer) = Box::pin(publish::answer(&context, trace)).await {
        return answer;
    }
    let target = parsed.map_err(|rejection| rejected(&rejection))?;
    judged(context, target, trace).await
}

/// A request that was sent to the registry itself: what we know of packages is answered by the same rules; nothing is
/// published here this way.
async fn crossed(
    app: &Arc<App>,
    request: &Request,
    (route, spoken): (&Route, &Spoken),
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let context = context(app, request, route);
    trace.at(route);
    match parsed(&context) {
        Ok(Target::Service(Service::Whoami)) => {
            errand::answer(context, (&spoken.upstream, spoken.role), trace).await
        }
        Ok(target) => judged(context, target, trace).await,
        Err(Rejection::Unknown | Rejection::Method) => {
            errand::answer(context, (&spoken.upstream, spoken.role), trace).await
        }
        Err(rejection) => Err(rejected(&rejection)),
    }
}

fn context<'a>(app: &'a Arc<App>, request: &'a Request, route: &'a Route) -> Context<'a> {
    Context {
        app,
        request,
        snapshot: &request.snapshot,
        route,
        protocol: protocol_of(route.ecosystem),
        accept: request.field(header::ACCEPT),
        principal: None,
    }
}

fn parsed(context: &Context<'_>) -> Result<Target, Rejection> {
    context.protocol.parse(&Ask {
        method: context.request.method,
        path: &context.route.rest,
        query: &context.request.query,
        accept: context.accept.as_deref(),
    })
}

/// What is asked for is known; now who asks, and what the rules say.
async fn judged(context: Context<'_>, target: Target, trace: &mut Trace) -> Result<Reply, Failure> {
    let (app, request) = (context.app, context.request);
    let principal = gate::admit_reader(app, request).await?;
    trace.by(principal.as_ref());
    let context = Context {
        principal,
        ..context
    };
    if let Some(principal) = &context.principal {
        may_read(&context, principal, &target)?;
    }
    match target {
        // What is seldom is boxed, so that the future of what is frequent stays small.
        Target::Redirect(to) => Box::pin(respelled(&context, &to, trace)).await,
        Target::Index(target) => {
            trace.about(Kind::Index, &target.package, None);
            index::answer(&context, &target, trace).await
        }
        Target::Artifact(target) => {
            trace.about(Kind::Artifact, &target.package, Some(&target.version));
            artifact::answer(&context, &target, trace).await
        }
        Target::Service(service) => {
            trace.kind = Kind::Service;
            Box::pin(service::answer(&context, service, trace)).await
        }
    }
}

/// Whether a token opens this. A thing under another spelling is judged when that is known.
fn may_read(context: &Context<'_>, principal: &Principal, target: &Target) -> Result<(), Failure> {
    let repository = &context.route.repository;
    let may = match target.package() {
        Some(package) => principal.may(Right::Read, repository, package),
        None => principal.may_in(Right::Read, repository),
    };
    may.map_err(|refused| Failure::Forbidden(refused.sentence))
}

/// From where a package may come, for whoever asks this repository.
fn origins(context: &Context<'_>, package: &PackageName) -> Origins {
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    let (repository, shelf) = (&context.route.repository, &context.app.shelf);
    if shelf.is_empty() {
        return policy.origins(package, repository, now);
    }
    let flags = |repository: &str| shelf.flags(repository, package);
    policy.origins_with_flags(package, repository, now, &flags)
}

fn rejected(rejection: &Rejection) -> Failure {
    let (status, message) = match rejection {
        Rejection::Malformed(what) => (400, what.as_str()),
        Rejection::Unknown => (404, "this repository has no such address"),
        Rejection::Method => (405, "this address does not take this method"),
        Rejection::NotAcceptable => (406, "none of the accepted media types is offered here"),
    };
    Failure::Rejected {
        status,
        message: message.to_owned(),
    }
}

/// Another spelling of something: refused if the thing is, else sent to its canonical address.
async fn respelled(context: &Context<'_>, to: &str, trace: &mut Trace) -> Result<Reply, Failure> {
    let canonical = crate::edge::target::parse_path(&format!("/{to}"));
    let path = canonical.map_err(|error| Failure::Internal(error.to_string()))?;
    let ask = Ask {
        method: Method::Get,
        path: &path,
        query: &context.request.query,
        accept: context.accept.as_deref(),
    };
    if let Ok(Target::Index(target)) = context.protocol.parse(&ask) {
        let reader = context.principal.as_ref();
        gate::allow(
            &context.route.repository,
            reader,
            Right::Read,
            &target.package,
        )?;
        let origins = origins(context, &target.package);
        let shelf = &context.app.shelf;
        let is_ours = |origin: &Origin| shelf.hosts(origin.repository(), &target.package);
        let is_ours = origins.iter().any(is_ours);
        if !origins.reaches_outside() && origins.refusal().is_some() && !is_ours {
            trace.about(Kind::Index, &target.package, None);
            return index::answer(context, &target, trace).await;
        }
    }
    Ok(redirect(context, to))
}

/// The canonical address, with the query as it was sent. Nothing from `Host` is written.
fn redirect(context: &Context<'_>, to: &str) -> Reply {
    let base = context.route.base.splitn(4, '/').nth(3).unwrap_or_default();
    let slash = if base.is_empty() { "" } else { "/" };
    let query = context
        .request
        .target
        .find('?')
        .map_or("", |at| &context.request.target[at..]);
    Reply::empty(301)
        .with(header::LOCATION, &format!("/{base}{slash}{to}{query}"))
        .with(header::CACHE_CONTROL, "no-cache")
}

fn front_page(request: &Request) -> Result<Reply, Failure> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return Err(rejected(&Rejection::Method));
    }
    let url = &request.snapshot.public_url;
    let text = format!(
        "portcullis, a package gateway\n\n\
         npm    npm --registry {url}/npm/public/ install NAME\n\
         pypi   pip install --index-url {url}/pypi/public/simple/ NAME\n\
         maven  <mirror> url {url}/maven/public/\n"
    );
    Ok(Reply::full(200, "text/plain; charset=utf-8", text))
}
