//! `POST /-/preflight/REPOSITORY`: what would become of these versions, with what the registries say of them today.
//!
//! Nothing is served and no artifact is fetched. Every verdict is the one that the file itself would get. Who asks needs
//! what reading needs. Answers come package by package, in the order of the names.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use rules::{Decision, Ecosystem, Facts, Origin, PackageName, Place, Reason, Verdict};

use super::evidence::{dated, index, judges_age, nearest};
use super::{Context, gate, origins};
use crate::app::{App, protocol_of};
use crate::edge::route::Route;
use crate::exchange::{Method, Path, Reply, Request};
use crate::failure::Failure;
use crate::origin::Fetching;
use crate::origin::upstream::Upstream;
use crate::preflight::exchange::{Answer, Answered, Asked, QUESTIONS_MAX, Question};
use crate::protocol::{ArtifactTarget, Index};
use crate::state::{HostedPackage, Right};

/// How many packages are looked up at once.
const AT_ONCE: usize = 16;

/// Judges every version that is asked for.
pub async fn answer(app: &Arc<App>, request: &Request, repository: &str) -> Result<Reply, Failure> {
    let reader = gate::admit_reader(app, request).await?;
    let asked = read(request)?;
    let known = request.snapshot.config.repositories.iter();
    if !known
        .map(|each| &each.spec.name)
        .any(|name| name == repository)
    {
        return Err(rejected(
            404,
            format!("there is no repository {repository}"),
        ));
    }
    let mut versions = BTreeMap::<PackageName, Vec<String>>::new();
    for Question {
        ecosystem,
        package,
        version,
    } in &asked.packages
    {
        let name = PackageName::parse(*ecosystem, package)
            .map_err(|error| rejected(400, format!("{package}: {error}")))?;
        gate::allow(repository, reader.as_ref(), Right::Read, &name)?;
        versions.entry(name).or_default().push(version.clone());
    }
    let each = versions
        .into_iter()
        .map(|(package, versions)| Box::pin(judged(app, request, repository, package, versions)));
    let answers: Vec<Vec<Answer>> = stream::iter(each).buffered(AT_ONCE).collect().await;
    let answered = Answered {
        packages: answers.into_iter().flatten().collect(),
    };
    let text =
        serde_json::to_vec(&answered).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(Reply::full(200, "application/json", text)
        .with_static(http::header::CACHE_CONTROL, "no-store"))
}

fn read(request: &Request) -> Result<Asked, Failure> {
    if request.method != Method::Post {
        return Err(rejected(405, "this address takes POST".to_owned()));
    }
    let asked: Asked = serde_json::from_slice(&request.body)
        .map_err(|error| rejected(400, format!("the questions can't be read: {error}")))?;
    match asked.packages.len() {
        0..=QUESTIONS_MAX => Ok(asked),
        _ => Err(rejected(
            413,
            format!("at most {QUESTIONS_MAX} packages at once"),
        )),
    }
}

fn rejected(status: u16, message: String) -> Failure {
    Failure::Rejected { status, message }
}

async fn judged(
    app: &Arc<App>,
    request: &Request,
    repository: &str,
    package: PackageName,
    versions: Vec<String>,
) -> Vec<Answer> {
    let ecosystem = package.ecosystem();
    let route = Route {
        ecosystem,
        repository: repository.into(),
        rest: Path::default(),
        base: "".into(),
    };
    let context = Context {
        app,
        request,
        snapshot: &request.snapshot,
        route: &route,
        protocol: protocol_of(ecosystem),
        accept: None,
        principal: None,
    };
    let origins = origins(&context, &package);
    let outside = origins
        .iter()
        .find(|origin| matches!(origin.place(), Place::External));
    let upstream = outside.and_then(|origin| {
        let key = (origin.repository().to_owned(), ecosystem);
        context.snapshot.upstreams.get(&key)
    });
    let mut answers = Vec::with_capacity(versions.len());
    for version in versions {
        let answer = match (outside, upstream) {
            _ if is_hosted(&context, &package, &version).await => Answer::about(&package, &version),
            (Some(origin), Some(upstream)) => {
                let told = outside_says(&context, origin, upstream, &version).await;
                told.unwrap_or_else(|failure| unanswered(&package, &version, &failure))
            }
            _ => inside_says(&context, &package, &version),
        };
        answers.push(answer);
    }
    answers
}

/// Whether a repository that is searched publishes this version itself.
async fn is_hosted(context: &Context<'_>, package: &PackageName, version: &str) -> bool {
    let shelf = &context.app.shelf;
    for origin in origins(context, package).iter() {
        let hosted = shelf.package(origin.repository(), package).await;
        let versions = hosted.ok().flatten();
        let has = |version: &str, hosted: &HostedPackage| {
            let mut versions = hosted.versions.iter();
            versions.any(|it| rules::same(package.ecosystem(), &it.version, version))
        };
        if versions.is_some_and(|hosted| has(version, &hosted)) {
            return true;
        }
    }
    false
}

/// The verdict where nobody outside may be asked.
fn inside_says(context: &Context<'_>, package: &PackageName, version: &str) -> Answer {
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    let explained = policy.explain(package, &context.route.repository, Some(version), now);
    Answer {
        rule: explained
            .reason
            .as_ref()
            .map_or_else(|| explained.group.clone(), rule),
        verdict: explained.verdict,
        reason: explained.sentence,
        ..Answer::about(package, version)
    }
}

async fn outside_says(
    context: &Context<'_>,
    origin: &Origin,
    upstream: &Arc<Upstream>,
    version: &str,
) -> Result<Answer, Failure> {
    let package = origin.package();
    let target = ArtifactTarget {
        package: package.clone(),
        version: version.to_owned(),
        file: format!("{}-{version}.pom", package.name()),
        sidecar: None,
    };
    let (policy, now) = (&context.snapshot.policy, context.request.received_at);
    let index = index(context, origin, upstream, &target).await?;
    let Some(mut facts) = index
        .as_deref()
        .and_then(|index| facts(index, package, version))
    else {
        return Ok(Answer {
            verdict: Verdict::Warn,
            reason: format!("{package} {version} is not listed by its registry"),
            ..Answer::about(package, version)
        });
    };
    if package.ecosystem() == Ecosystem::Maven && judges_age(context, origin) {
        let fetching = Fetching {
            protocol: context.protocol,
            target: &target,
            listed: None,
            published: None,
            limits: &context.snapshot.limits,
            now,
            head_only: false,
        };
        facts.published = dated(context, origin, upstream, &fetching).await?;
    }
    let (verdict, reason) = match policy.admit(origin, version, &facts, now) {
        Decision::Allow(_) => (Verdict::Allow, None),
        Decision::Warn(_, reason) => (Verdict::Warn, Some(reason)),
        Decision::Hold(_, reason) => (Verdict::Hold, Some(reason)),
        Decision::Deny(reason) => (Verdict::Deny, Some(reason)),
    };
    let is_refused = matches!(verdict, Verdict::Hold | Verdict::Deny);
    let listing = index.filter(|_| is_refused);
    let nearest = listing.and_then(|index| nearest(policy, origin, &index, version, now));
    Ok(Answer {
        verdict,
        rule: reason.as_ref().map(rule).unwrap_or_default(),
        reason: reason.map_or_else(String::new, |reason| reason.sentence),
        nearest,
        ..Answer::about(package, version)
    })
}

/// What the index says of a version; `None` if it does not list it.
fn facts(index: &Index, package: &PackageName, version: &str) -> Option<Facts> {
    let is_it = |listed: &str| rules::same(package.ecosystem(), listed, version);
    let listed = index
        .versions
        .iter()
        .find(|listed| is_it(&listed.version))?;
    Some(index.facts_of(listed))
}

fn unanswered(package: &PackageName, version: &str, failure: &Failure) -> Answer {
    Answer {
        problem: Some(failure.sentence()),
        ..Answer::about(package, version)
    }
}

fn rule(reason: &Reason) -> String {
    format!("{}:{}", reason.control.as_str(), reason.group)
}
