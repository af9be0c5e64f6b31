//! Where an upstream's files lie, asked before any client asks: network mode must know a registry's hosts by then.

use std::sync::Arc;

use rules::{Ecosystem, PackageName};

use super::upstream::{Conditions, Fault, FaultKind, Fetched, Fetcher, Network, Upstream};
use crate::app::protocol_of;
use crate::bounds::Budget;
use crate::config::Limits;
use crate::protocol::{Document, DocumentKind, IndexTarget, SimpleForm};

/// Asks a PyPI registry for the page of a project and learns the hosts of its files from it. Others serve their files
/// themselves.
pub async fn learn_files_host(
    network: &Arc<Network>,
    upstream: &Arc<Upstream>,
    project: &str,
    limits: &Limits,
) -> Result<(), Fault> {
    let unusable = |what: String| Fault::new(FaultKind::Content, what);
    let package = PackageName::parse(Ecosystem::Pypi, project);
    let target = IndexTarget {
        package: package.map_err(|error| unusable(error.to_string()))?,
        document: DocumentKind::Simple(SimpleForm::Json),
    };
    let protocol = protocol_of(Ecosystem::Pypi);
    let (location, accept) = protocol.locate_index(&target);
    let url = upstream.address(&location).map_err(unusable)?;
    let fetcher = Fetcher {
        network,
        upstream,
        limits,
        metrics: None,
        same_thing: &|_| true,
    };
    let conditions = Conditions {
        accept,
        ..Conditions::default()
    };
    let Fetched::Body(responded) = fetcher.fetch(url, &conditions).await? else {
        return Err(unusable(format!("it has no page of {project}")));
    };
    let content_type = responded.field(http::header::CONTENT_TYPE);
    let content_type = content_type.unwrap_or_default().to_owned();
    let url = responded.url.to_string();
    let mut memory = Budget::new(limits.document_bytes).reservation();
    let bytes = responded.bytes(limits.document_bytes, &mut memory).await?;
    let document = Document {
        url,
        content_type,
        bytes,
    };
    let index = protocol.read(&target, document);
    let index = index.map_err(|error| unusable(error.to_string()))?;
    upstream.remember(upstream.linked(&index));
    Ok(())
}
