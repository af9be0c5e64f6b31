//! Questions that are passed on to an upstream, already stripped of what must not leave, and never kept.

use std::sync::Arc;

use bytes::Bytes;
use rules::Ecosystem;

use super::upstream::{Conditions, Fault, FaultKind, Fetched, Fetcher, Upstream};
use super::{Supply, failure_of};
use crate::config::Limits;
use crate::failure::Failure;
use crate::protocol::Location;

impl Supply {
    /// Asks an upstream a question whose answer is not stored; `None` if it does not have that endpoint.
    ///
    /// The caller has taken every name out of path and body that the rules keep in the house.
    pub async fn question(
        &self,
        upstream: &Arc<Upstream>,
        location: &Location,
        body: Option<Bytes>,
        limits: &Limits,
    ) -> Result<Option<Bytes>, Failure> {
        debug_assert_eq!(upstream.settings.ecosystem, Ecosystem::Npm);
        let to_failure = |fault: Fault| failure_of(upstream, &fault);
        let url = upstream
            .address(location)
            .map_err(|host| to_failure(Fault::new(FaultKind::Forbidden, host)))?;
        let conditions = Conditions {
            method: if body.is_some() { "POST" } else { "GET" },
            accept: "application/json",
            body,
            ..Conditions::default()
        };
        let fetcher = Fetcher {
            network: &self.network,
            upstream,
            limits,
            metrics: Some(&self.metrics),
            same_thing: &|_| true,
        };
        match fetcher.fetch(url, &conditions).await.map_err(to_failure)? {
            Fetched::Body(responded) => responded
                .bytes(limits.document_bytes, &mut self.memory.reservation())
                .await
                .map(Some)
                .map_err(to_failure),
            Fetched::NotModified(_) | Fetched::Absent => Ok(None),
        }
    }
}
