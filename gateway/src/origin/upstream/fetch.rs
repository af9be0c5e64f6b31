//! One request to an upstream: slots, deadlines, one retry at another address, redirects within the allowed hosts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, header};
use pingora_http::RequestHeader;
use tokio::time::timeout;
use url::Url;

use super::connect::{Connection, Network};
use super::fault::{Fault, FaultKind};
use super::{Upstream, authority};
use crate::bounds::Reservation;
use crate::config::Limits;
use crate::observe::metrics::Metrics;

/// What to send besides the address.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    pub method: &'static str,
    pub accept: &'static str,
    /// Whether a gzip-coded answer is welcome (documents, never artifacts).
    pub gzip: bool,
    pub if_none_match: Option<String>,
    pub if_modified_since: Option<String>,
    pub body: Option<Bytes>,
}

/// An upstream's answer: its head, and its body to come.
pub struct Responded {
    pub status: u16,
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    /// HTTP/2 marks the end of a body itself.
    is_http2: bool,
    connection: Option<Connection>,
    network: Arc<Network>,
    slot: Option<OwnedSlot>,
}

pub(super) struct OwnedSlot {
    upstream: Arc<Upstream>,
}

impl Drop for OwnedSlot {
    fn drop(&mut self) {
        self.upstream.slots.add_permits(1);
    }
}

/// The three useful kinds of answer.
pub enum Fetched {
    Body(Responded),
    NotModified(Responded),
    Absent,
}

impl Responded {
    pub fn field(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the end of the body can be told from a broken connection.
    pub fn is_framed(&self) -> bool {
        self.is_http2
            || self.content_length().is_some()
            || self.headers.contains_key(header::TRANSFER_ENCODING)
    }

    pub fn content_length(&self) -> Option<u64> {
        self.field(header::CONTENT_LENGTH)?.parse().ok()
    }

    /// The next piece of the body.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(connection) = &mut self.connection else {
            return Ok(None);
        };
        match connection.session.read_response_body().await {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => {
                self.slot = None;
                if let Some(connection) = self.connection.take() {
                    self.network.release(connection).await;
                }
                Ok(None)
            }
            Err(error) => {
                self.slot = None;
                self.connection = None;
                Err(fault_of(&error, "the body broke off"))
            }
        }
    }

    /// Reads a short answer to its end, so that its connection can be used again.
    async fn discard(mut self) {
        let mut read = 0;
        while let Ok(Some(chunk)) = self.next().await {
            read += chunk.len();
            if read > DISCARDED_BYTES {
                break;
            }
        }
    }

    /// The whole body, up to `max` bytes, that `memory` has room for.
    pub async fn bytes(mut self, max: u64, memory: &mut Reservation) -> Result<Bytes, Fault> {
        let too_large = || {
            let text = format!("the answer is larger than the limit of {max} bytes");
            Fault::new(FaultKind::TooLarge, text)
        };
        if self.content_length().is_some_and(|length| length > max) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = self.next().await? {
            if (body.len() + chunk.len()) as u64 > max {
                return Err(too_large());
            }
            if !memory.grow(chunk.len() as u64) {
                return Err(Fault::out_of_memory());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }
}

fn fault_of(error: &pingora_core::Error, what: &str) -> Fault {
    use pingora_core::ErrorType::{
        ConnectTimedout, ReadTimedout, TLSHandshakeTimedout, WriteTimedout,
    };
    let kind = match error.etype() {
        ConnectTimedout | ReadTimedout | TLSHandshakeTimedout | WriteTimedout => FaultKind::Timeout,
        _ => FaultKind::Unreachable,
    };
    Fault::new(kind, format!("{what}: {}", error.etype().as_str()))
}

/// An error page up to this size is read to its end for the sake of the connection.
const DISCARDED_BYTES: usize = 64 * 1024;

/// What goes out.
pub(super) struct Message {
    pub head: RequestHeader,
    pub body: Option<Bytes>,
}

/// A connection that has answered, with the head of the answer.
pub(super) type Answered = (Connection, HeaderMap, u16);

/// Everything a fetch needs that outlives it.
pub struct Fetcher<'a> {
    pub network: &'a Arc<Network>,
    pub upstream: &'a Arc<Upstream>,
    pub limits: &'a Limits,
    /// Where its figures go; `None` for what is no registry.
    pub metrics: Option<&'a Metrics>,
    /// Judges a redirect that stays on the registry: `false` if it leads to something else than was asked for.
    pub same_thing: &'a (dyn Fn(&str) -> bool + Sync),
}

impl Fetcher<'_> {
    /// Fetches an address, following redirects, and sorts the answer.
    pub async fn fetch(&self, url: Url, conditions: &Conditions) -> Result<Fetched, Fault> {
        let started = Instant::now();
        let result = self.follow(url, conditions).await;
        if let Some(metrics) = self.metrics {
            let ecosystem = self.upstream.settings.ecosystem;
            metrics.upstream_done(ecosystem, &result, started.elapsed());
        }
        let failed = |fault: &Fault| {
            matches!(
                fault.kind,
                FaultKind::Unreachable | FaultKind::Timeout | FaultKind::Status
            )
        };
        self.upstream.note(result.as_ref().is_err_and(failed));
        result
    }

    pub(super) async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, Fault> {
        let allow_private = self.upstream.settings.allow_private;
        self.network.resolve(url, allow_private, self.limits).await
    }

    async fn follow(&self, mut url: Url, conditions: &Conditions) -> Result<Fetched, Fault> {
        for _ in 0..=self.limits.redirects {
            let mut responded = self.request(&url, conditions).await?;
            match responded.status {
                200 => return Ok(Fetched::Body(responded)),
                304 => {
                    // Read to its (empty) end, so that the connection goes back to the pool.
                    let _ = responded.next().await;
                    return Ok(Fetched::NotModified(responded));
                }
                404 | 410 => {
                    responded.discard().await;
                    return Ok(Fetched::Absent);
                }
                301 | 302 | 303 | 307 | 308 => url = self.redirected(&responded)?,
                status => {
                    let refused = (400..500).contains(&status) && status != 429;
                    let kind = if refused {
                        FaultKind::Refused
                    } else {
                        FaultKind::Status
                    };
                    return Err(Fault::new(kind, format!("it answered {status}")));
                }
            }
        }
        Err(Fault::new(FaultKind::Status, "it redirects without end"))
    }

    fn redirected(&self, responded: &Responded) -> Result<Url, Fault> {
        let location = responded.field(header::LOCATION).unwrap_or_default();
        let next = responded
            .url
            .join(location)
            .map_err(|_| Fault::new(FaultKind::Content, "it redirects to no address"))?;
        if !self.upstream.allows(&next) {
            let text = format!(
                "it redirects to {}, a host that is not allowed",
                authority(&next)
            );
            return Err(Fault::new(FaultKind::Forbidden, text));
        }
        if self
            .upstream
            .below_base(&next)
            .is_some_and(|path| !(self.same_thing)(path))
        {
            return Err(Fault::new(
                FaultKind::Forbidden,
                "it redirects to another package",
            ));
        }
        Ok(next)
    }

    /// One exchange, with one more try at another address (or the same, if there is one only) when nothing came back.
    async fn request(&self, url: &Url, conditions: &Conditions) -> Result<Responded, Fault> {
        let slot = self.slot().await?;
        let addresses = self.resolve(url).await?;
        let message = || {
            Ok(Message {
                head: self.head(url, conditions)?,
                body: conditions.body.clone(),
            })
        };
        let first = self.exchange(url, addresses[0], message()?).await;
        let retry = match &first {
            Ok((_, _, status)) => *status >= 500 && addresses.len() > 1,
            Err(fault) => fault.kind == FaultKind::Unreachable,
        };
        let answered = if retry {
            let address = addresses.get(1).copied().unwrap_or(addresses[0]);
            self.exchange(url, address, message()?).await
        } else {
            first
        };
        Ok(self.responded(url, answered?, slot))
    }

    pub(super) fn responded(&self, url: &Url, answered: Answered, slot: OwnedSlot) -> Responded {
        let (connection, headers, status) = answered;
        Responded {
            status,
            headers,
            url: url.clone(),
            is_http2: connection.session.as_http2().is_some(),
            connection: Some(connection),
            network: Arc::clone(self.network),
            slot: Some(slot),
        }
    }

    pub(super) async fn slot(&self) -> Result<OwnedSlot, Fault> {
        let full = || Fault::new(FaultKind::Overloaded, "too many requests wait for it");
        if let Ok(permit) = self.upstream.slots.try_acquire() {
            permit.forget();
            return Ok(OwnedSlot {
                upstream: Arc::clone(self.upstream),
            });
        }
        let _waiting = self.upstream.queue.try_acquire().map_err(|_| full())?;
        let permit = timeout(self.limits.first_byte, self.upstream.slots.acquire())
            .await
            .map_err(|_| full())?
            .map_err(|_| full())?;
        permit.forget();
        Ok(OwnedSlot {
            upstream: Arc::clone(self.upstream),
        })
    }

    pub(super) async fn exchange(
        &self,
        url: &Url,
        address: SocketAddr,
        message: Message,
    ) -> Result<Answered, Fault> {
        let mut connection = self.network.connect(url, address, self.limits).await?;
        let session = &mut connection.session;
        session.set_read_timeout(Some(self.limits.first_byte));
        let sending = async {
            session.write_request_header(Box::new(message.head)).await?;
            if let Some(body) = message.body {
                session.write_request_body(body, true).await?;
            }
            session.finish_request_body().await?;
            session.read_response_header().await
        };
        timeout(self.limits.first_byte, sending)
            .await
            .map_err(|_| Fault::new(FaultKind::Timeout, "no answer in time"))?
            .map_err(|error| fault_of(&error, "no answer"))?;
        session.set_read_timeout(Some(self.limits.idle));
        let head = session
            .response_header()
            .ok_or_else(|| Fault::new(FaultKind::Content, "an answer without a head"))?;
        let (status, headers) = (head.status.as_u16(), head.headers.clone());
        Ok((connection, headers, status))
    }

    fn head(&self, url: &Url, conditions: &Conditions) -> Result<RequestHeader, Fault> {
        let unbuildable =
            |_| Fault::new(FaultKind::Forbidden, "an address that can't be asked for");
        let target = url.query().map_or_else(
            || url.path().to_owned(),
            |query| format!("{}?{query}", url.path()),
        );
        let method = if conditions.method.is_empty() {
            "GET"
        } else {
            conditions.method
        };
        let mut head =
            RequestHeader::build(method, target.as_bytes(), Some(8)).map_err(unbuildable)?;
        let mut put =
            |name: &'static str, value: &str| head.insert_header(name, value).map_err(unbuildable);
        put("Host", &authority(url))?;
        put(
            "User-Agent",
            concat!("portcullis/", env!("CARGO_PKG_VERSION")),
        )?;
        put(
            "Accept",
            if conditions.accept.is_empty() {
                "*/*"
            } else {
                conditions.accept
            },
        )?;
        put(
            "Accept-Encoding",
            if conditions.gzip { "gzip" } else { "identity" },
        )?;
        if let Some(etag) = &conditions.if_none_match {
            put("If-None-Match", etag)?;
        }
        if let Some(date) = &conditions.if_modified_since {
            put("If-Modified-Since", date)?;
        }
        if let Some(body) = &conditions.body {
            put("Content-Type", "application/json")?;
            put("Content-Length", &body.len().to_string())?;
        }
        if let Some(secret) = &self.upstream.settings.credentials
            && self.upstream.is_base(url)
        {
            put("Authorization", secret.authorization())?;
        }
        Ok(head)
    }
}
