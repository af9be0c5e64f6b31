//! One document's way from the upstream into the cache: a task of the cache, which no client owns.
//!
//! A document is committed only after its protocol could read it: a login page or a truncated list never replaces a
//! good index.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache::{Fill, Lookup, Meta};
use http::header;
use moka::future::Cache as Table;
use rules::Ecosystem;
use sha2::{Digest as _, Sha256};

use super::document::{REGISTRY, document, index_name, is_of};
use super::sighting::sighted;
use super::upstream::{
    Conditions, Fault, FaultKind, Fetched, Fetcher, Network, Responded, Upstream,
};
use super::{IndexName, Parsed};
use crate::bounds::{Budget, Reservation};
use crate::config::Limits;
use crate::observe::metrics::Metrics;
use crate::protocol::{IndexTarget, Protocol};
use crate::state::State;

/// What the task needs; it outlives the request that started it.
pub struct Refresh {
    pub cache: cache::Cache,
    pub network: Arc<Network>,
    pub metrics: Arc<Metrics>,
    pub memory: Arc<Budget>,
    /// Takes the document as it was read to check it, so that it is not read again.
    pub indexes: Table<IndexName, Parsed>,
    pub state: State,
    pub upstream: Arc<Upstream>,
    pub protocol: &'static dyn Protocol,
    pub target: IndexTarget,
    pub limits: Arc<Limits>,
    pub now: SystemTime,
    /// What is remembered of the document that is to be confirmed.
    pub known: Option<Meta>,
}

impl Refresh {
    /// Fetches, reads, commits; or says in the fill why not.
    pub async fn run(self, mut fill: Fill) {
        // Another fill may have ended between the lookup and the join: then there is nothing to fetch.
        if let Lookup::Fresh(hit) = self.cache.lookup(fill.key(), self.now).await
            && is_of(&hit, &self.upstream)
        {
            return fill.settle(hit);
        }
        fill.keep_going();
        let settled = match self.fetch().await {
            Ok(Fetched::Absent) => fill.absent(self.meta(self.limits.negative_ttl, None)).await,
            Ok(Fetched::NotModified(responded)) => match &self.known {
                Some(_) => {
                    fill.renew(self.meta(self.lifetime(), Some(&responded)))
                        .await
                }
                None => return fill.fail(502, "it answered 304 to an unconditional request"),
            },
            Ok(Fetched::Body(responded)) => return self.store(fill, responded).await,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "an index could not be kept");
        }
    }

    async fn fetch(&self) -> Result<Fetched, Fault> {
        let (location, accept) = self.protocol.locate_index(&self.target);
        let url = self.upstream.address(&location).map_err(|host| {
            Fault::new(
                FaultKind::Forbidden,
                format!("{host} is not a host of this upstream"),
            )
        })?;
        let attribute = |name: &str| {
            self.known
                .as_ref()
                .and_then(|meta| meta.attributes.get(name).cloned())
        };
        let conditions = Conditions {
            accept,
            gzip: true,
            if_none_match: attribute("etag"),
            if_modified_since: attribute("last-modified"),
            ..Conditions::default()
        };
        let fetcher = Fetcher {
            network: &self.network,
            upstream: &self.upstream,
            limits: &self.limits,
            metrics: Some(&self.metrics),
            same_thing: &|path| {
                super::retrieve::same_package(self.protocol, path, &self.target.package)
            },
        };
        fetcher.fetch(url, &conditions).await
    }

    async fn store(self, mut fill: Fill, responded: Responded) {
        let meta = self.meta(self.lifetime(), Some(&responded));
        let coding = responded
            .field(header::CONTENT_ENCODING)
            .unwrap_or("identity")
            .to_owned();
        let max = self.limits.document_bytes;
        let mut memory = self.memory.reservation();
        let arriving = responded.bytes(max, &mut memory);
        let body = tokio::time::timeout(self.limits.document_deadline, arriving)
            .await
            .unwrap_or_else(|_| Err(Fault::new(FaultKind::Timeout, "its document took too long")));
        let bytes = match body.and_then(|bytes| decoded(bytes, &coding, max, &mut memory)) {
            Ok(bytes) => bytes,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        let (protocol, target) = (self.protocol, self.target.clone());
        let sample = document(bytes.clone(), &meta.attributes);
        let read = tokio::task::spawn_blocking(move || protocol.read(&target, sample));
        let index = match read.await {
            Ok(Ok(index)) => index,
            Ok(Err(unreadable)) => {
                let text = format!("its document can't be read: {unreadable}");
                return fill.fail(502, &text);
            }
            Err(error) => return fill.fail(502, &error.to_string()),
        };
        let index = sighted(&self.state, &self.target, index, self.now).await;
        let size = bytes.len() as u64;
        let name = index_name(fill.key(), &Sha256::digest(&bytes));
        if index.unsighted().is_none() {
            self.indexes.insert(name, Parsed::new(index, size)).await;
        }
        let kept = async {
            fill.start(meta, Some(bytes.len() as u64)).await?;
            fill.write(bytes).await?;
            fill.commit(&[]).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "an index could not be kept");
        }
    }

    fn lifetime(&self) -> Duration {
        match self.target.package.ecosystem() {
            Ecosystem::Npm => self.limits.fresh_npm,
            Ecosystem::Pypi => self.limits.fresh_pypi,
            Ecosystem::Maven => self.limits.fresh_maven,
            // Nobody outside has such documents.
            Ecosystem::Generic => Duration::ZERO,
        }
    }

    /// What is remembered beside the bytes. A 304 keeps what it does not say anew.
    fn meta(&self, fresh_for: Duration, responded: Option<&Responded>) -> Meta {
        let mut attributes = self
            .known
            .as_ref()
            .map(|meta| meta.attributes.clone())
            .unwrap_or_default();
        if let Some(responded) = responded {
            for name in [header::CONTENT_TYPE, header::ETAG, header::LAST_MODIFIED] {
                let value = responded.field(name.clone()).map(str::to_owned);
                match value {
                    Some(value) => drop(attributes.insert(name.as_str().to_owned(), value)),
                    None if responded.status == 200 => drop(attributes.remove(name.as_str())),
                    None => {}
                }
            }
            attributes.insert("url".to_owned(), responded.url.to_string());
            attributes.insert(REGISTRY.to_owned(), self.upstream.settings.url.clone());
        }
        Meta {
            attributes,
            fetched_at: self.now,
            fresh_for,
        }
    }
}

/// Undoes the content coding, within the limits: a small answer must not become a huge document.
fn decoded(bytes: Bytes, coding: &str, max: u64, memory: &mut Reservation) -> Result<Bytes, Fault> {
    match coding {
        "identity" | "" => Ok(bytes),
        "gzip" | "x-gzip" => unzipped(&bytes, max, memory),
        other => {
            let text = format!("it used the content coding {other:?} without being asked");
            Err(Fault::new(FaultKind::Content, text))
        }
    }
}

fn unzipped(bytes: &[u8], max: u64, memory: &mut Reservation) -> Result<Bytes, Fault> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes);
    loop {
        let read = (&mut reader).take(DECODED_BYTES).read_to_end(&mut plain);
        let read = read.map_err(|_| Fault::new(FaultKind::Content, "its gzip coding is broken"))?;
        if read == 0 {
            return Ok(plain.into());
        }
        if plain.len() as u64 > max {
            let text = format!("its document is larger than the limit of {max} bytes");
            return Err(Fault::new(FaultKind::TooLarge, text));
        }
        if !memory.grow(read as u64) {
            return Err(Fault::out_of_memory());
        }
    }
}

/// How much is decoded between two looks at the limits.
const DECODED_BYTES: u64 = 1 << 20;
