//! Changes of what npm has published: documents that come back edited, and what is unpublished.

use rules::PackageName;
use serde_json::{Value, json};

use super::super::{authorised, refused, unavailable};
use super::told;
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::handlers::Context;
use crate::handlers::trace::Trace;
use crate::hosted::documents::{listed, npm_package, npm_version, packument, tags_of};
use crate::hosted::notes;
use crate::protocol::npm::hosted::{Deprecation, Edit, HostedVersion, Upload};
use crate::state::{self, Edited, HostedPackage, Status};

/// What is hosted of a package as npm's translator knows it.
struct Current {
    hosted: HostedPackage,
    versions: Vec<HostedVersion>,
    tags: Vec<(String, String)>,
}

impl Current {
    async fn of(context: &Context<'_>, package: &PackageName) -> Result<Self, Failure> {
        let state = &context.app.state;
        let hosted = state.hosted(&context.route.repository, package).await;
        let absent = || Failure::Absent(package.to_string());
        let hosted = hosted.map_err(unavailable)?.ok_or_else(absent)?;
        let listed: Vec<_> = listed(&hosted).collect();
        let versions = listed.iter().map(|version| npm_version(version)).collect();
        let tags = tags_of(&hosted, &listed);
        Ok(Self {
            versions,
            tags,
            hosted,
        })
    }

    fn edit(
        &self,
        package: &PackageName,
        upload: &Upload,
        revision: Option<&str>,
    ) -> Result<Edit, Failure> {
        let listed: Vec<_> = listed(&self.hosted).collect();
        let current = npm_package(package, &self.versions, &self.tags, &listed);
        let current = current.ok_or_else(|| Failure::Absent(package.to_string()))?;
        Edit::read(&upload.document, &current, revision).map_err(|problem| told(&problem))
    }
}

pub(super) async fn edit(
    context: &Context<'_>,
    package: &PackageName,
    upload: &Upload,
    revision: Option<&str>,
) -> Result<(), Failure> {
    let current = Current::of(context, package).await?;
    let wanted = current.edit(package, upload, revision)?;
    let notes: Vec<(String, String)> = match &wanted {
        Edit::Deprecate(deprecations) => {
            let noted = |deprecation| noted(&current.hosted, deprecation);
            deprecations.iter().filter_map(noted).collect()
        }
        Edit::Unpublish { .. } => Vec::new(),
    };
    let mut edits: Vec<state::Edit<'_>> = notes
        .iter()
        .map(|(version, metadata)| state::Edit::Metadata { version, metadata })
        .collect();
    if let Edit::Unpublish { versions, tags } = &wanted {
        edits.extend(
            versions
                .iter()
                .map(|version| state::Edit::Delete { version }),
        );
        edits.extend(
            tags.iter()
                .map(|(tag, version)| state::Edit::Tag { tag, version }),
        );
    }
    edited(context, package, current.hosted.generation, &edits).await
}

/// A version's note with the deprecation in it; `None` if there is no such version.
fn noted(hosted: &HostedPackage, deprecation: &Deprecation) -> Option<(String, String)> {
    let mut versions = hosted.versions.iter();
    let known = versions.find(|version| version.version == deprecation.version)?;
    let mut note: notes::NpmVersion = notes::read(&known.metadata);
    note.deprecated = deprecation.reason.clone();
    Some((known.version.clone(), notes::write(&note)))
}

/// Makes the changes together, on the package as it was read: a crash leaves all of them or none.
async fn edited(
    context: &Context<'_>,
    package: &PackageName,
    seen: i64,
    edits: &[state::Edit<'_>],
) -> Result<(), Failure> {
    let (state, repository) = (&context.app.state, &context.route.repository);
    let edited = state.edit(repository, package, seen, edits).await;
    match edited.map_err(unavailable)? {
        Edited::Done | Edited::Nothing => Ok(()),
        Edited::Meanwhile => Err(changed_meanwhile(package)),
    }
}

fn changed_meanwhile(package: &PackageName) -> Failure {
    refused(
        409,
        format!("{package} was changed meanwhile; read it again"),
    )
}

/// Takes away what clients see. What an operator archived, and the flags, are the operator's.
pub(super) async fn unpublish(context: &Context<'_>, package: &PackageName) -> Result<(), Failure> {
    let current = Current::of(context, package).await?;
    let is_seen = |status| matches!(status, Status::Published | Status::Unlisted);
    let versions = current.hosted.versions.iter();
    let versions = versions.filter(|version| is_seen(version.status));
    let edits: Vec<state::Edit<'_>> = versions
        .map(|version| state::Edit::Delete {
            version: &version.version,
        })
        .collect();
    edited(context, package, current.hosted.generation, &edits).await
}

/// Fails if the package was changed since the client read it.
pub(super) async fn at_revision(
    context: &Context<'_>,
    package: &PackageName,
    revision: &str,
) -> Result<(), Failure> {
    let current = Current::of(context, package).await?;
    let listed: Vec<_> = listed(&current.hosted).collect();
    let known = npm_package(package, &current.versions, &current.tags, &listed);
    match known.map(|known| known.revision()) {
        Some(known) if known == revision => Ok(()),
        _ => Err(changed_meanwhile(package)),
    }
}

/// `GET /{package}?write=true`: what is hosted and nothing else, for a client that is about to change it.
pub(super) async fn editable(context: &Context<'_>, trace: &mut Trace) -> Result<Reply, Failure> {
    let name = context.route.rest.segments.join("/");
    let package = PackageName::npm(&name).map_err(|error| refused(400, error.to_string()))?;
    authorised(context, &package, trace).await?;
    let current = Current::of(context, &package).await?;
    let listed: Vec<_> = listed(&current.hosted).collect();
    let document = packument(&package, &current.hosted, &listed);
    let document = document.ok_or_else(|| Failure::Absent(package.to_string()))?;
    let document = with_addresses(&document, &context.route.base)?;
    Ok(Reply::full(200, "application/json", document)
        .with_static(http::header::CACHE_CONTROL, "no-store"))
}

/// Clients delete a file below the address that its version shows.
fn with_addresses(document: &[u8], base: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: serde_json::Error| Failure::Internal(error.to_string());
    let mut document: Value = serde_json::from_slice(document).map_err(unreadable)?;
    let versions = document["versions"].as_object_mut();
    for version in versions
        .into_iter()
        .flat_map(|versions| versions.values_mut())
    {
        if let Some(relative) = version["dist"]["tarball"].as_str() {
            let address = format!("{base}/{}", relative.trim_start_matches('/'));
            version["dist"]["tarball"] = json!(address);
        }
    }
    serde_json::to_vec(&document).map_err(unreadable)
}
