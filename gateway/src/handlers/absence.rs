//! What is answered where no origin lists a package: that it is not here, or why nobody was asked.

use http::header;
use rules::{Origin, Origins, Place};

use super::Context;
use super::index::VARY;
use super::trace::Trace;
use crate::exchange::Reply;
use crate::failure::Failure;
use crate::protocol::pypi::accept::installer;
use crate::protocol::pypi::marker::marker;
use crate::protocol::{DocumentKind, IndexTarget, Rendered};

/// No origin has it, or none may be asked.
pub(super) fn answer(
    context: &Context<'_>,
    target: &IndexTarget,
    origins: &Origins,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let asked = origins
        .iter()
        .any(|origin| matches!(origin.place(), Place::External));
    let Some(reason) = origins.refusal().filter(|_| !asked) else {
        return Err(Failure::Absent(target.package.to_string()));
    };
    let shelf = &context.app.shelf;
    let is_ours = |origin: &Origin| shelf.hosts(origin.repository(), &target.package);
    if origins.iter().any(is_ours) {
        return Err(Failure::Absent(target.package.to_string()));
    }
    // `mvn deploy` reads the list before it makes the first one; a build is told why by the file.
    if let DocumentKind::Metadata { .. } = target.document
        && reason.claimed
    {
        return Err(Failure::Claimed(Box::new(reason.clone())));
    }
    if let DocumentKind::Simple(form) = target.document {
        // pip and uv show nothing of a refused index page; they do show the refusal of a file (protocols.md §2.10).
        if installer(context.accept.as_deref()) {
            trace.note_refusal(reason, &context.app.observer.audit.next_id());
            let page = marker(&target.package, &reason.sentence, form);
            return Ok(marker_reply(page));
        }
        if reason.claimed {
            return Err(Failure::Claimed(Box::new(reason.clone())));
        }
    }
    Err(Failure::Refused(Box::new(reason.clone())))
}

fn marker_reply(page: Rendered) -> Reply {
    Reply::full(200, page.content_type, page.bytes)
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::VARY, VARY)
}
