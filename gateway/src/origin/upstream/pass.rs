//! A request that goes out as it came: once, without following, to the registry's own host.

use bytes::Bytes;
use http::{HeaderMap, header};
use pingora_http::RequestHeader;
use url::Url;

use super::fetch::Message;
use super::{Fault, FaultKind, Fetcher, Responded, authority};

/// What goes out.
pub struct Passing<'a> {
    pub method: &'a str,
    /// Path and query as they came.
    pub target: &'a str,
    /// Fields besides `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// None for methods without one.
    pub body: Option<Bytes>,
}

impl Fetcher<'_> {
    /// Gives whatever comes back, be it a failure.
    pub async fn pass(&self, url: &Url, passing: Passing<'_>) -> Result<Responded, Fault> {
        let head = head(url, &passing)?;
        let slot = self.slot().await?;
        let addresses = self.resolve(url).await?;
        let body = passing.body.filter(|body| !body.is_empty());
        let message = Message { head, body };
        let answered = self.exchange(url, addresses[0], message).await?;
        Ok(self.responded(url, answered, slot))
    }
}

fn head(url: &Url, passing: &Passing<'_>) -> Result<RequestHeader, Fault> {
    let unbuildable = |_| Fault::new(FaultKind::Forbidden, "a request that can't be passed on");
    let target = passing.target.as_bytes();
    let mut head = RequestHeader::build(passing.method, target, Some(16)).map_err(unbuildable)?;
    for (name, value) in &passing.headers {
        head.append_header(name, value).map_err(unbuildable)?;
    }
    head.insert_header(header::HOST, authority(url))
        .map_err(unbuildable)?;
    if let Some(body) = &passing.body {
        head.insert_header(header::CONTENT_LENGTH, body.len().to_string())
            .map_err(unbuildable)?;
    }
    Ok(head)
}
