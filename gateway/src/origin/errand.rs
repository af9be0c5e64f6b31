//! What is passed on to a registry as it came, and back: requests that are no package traffic and that the operator
//! lets pass. Nothing of it is kept.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use pingora_http::RequestHeader;

use super::upstream::{Fault, FaultKind, Fetcher, Responded, Upstream};
use super::{Supply, failure_of};
use crate::access::Credentials;
use crate::config::Limits;
use crate::exchange::{BodyBroken, NextPiece, Piece, Reply, ReplyBody, Request, Source};
use crate::failure::Failure;
use crate::protocol::Location;

impl Supply {
    /// Sends a request on, with the client's own credentials, and gives what the registry answers.
    pub async fn errand(
        &self,
        upstream: &Arc<Upstream>,
        request: &Request,
        limits: &Limits,
    ) -> Result<Reply, Failure> {
        let to_failure = |fault: Fault| failure_of(upstream, &fault);
        let forbidden = |text: String| to_failure(Fault::new(FaultKind::Forbidden, text));
        let root = upstream.address(&Location::Path("/".to_owned()));
        let url = root.and_then(|root| {
            root.join(&request.target)
                .map_err(|error| error.to_string())
        });
        let url = url.map_err(forbidden)?;
        if !upstream.is_base(&url) {
            return Err(forbidden("the target is no path".to_owned()));
        }
        let head = head(request, &url).map_err(to_failure)?;
        let fetcher = Fetcher {
            network: &self.network,
            upstream,
            limits,
            metrics: Some(&self.metrics),
            same_thing: &|_| true,
        };
        let passing = fetcher.pass(url, head, request.body.clone());
        let responded = passing.await.map_err(to_failure)?;
        reply(responded).map_err(to_failure)
    }
}

/// Fields of one hop (RFC 9110 §7.6.1), and such as are written anew.
const NOT_PASSED: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::CONTENT_LENGTH,
];

fn is_passed(name: &HeaderName) -> bool {
    !NOT_PASSED.contains(name) && !matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

fn head(request: &Request, url: &url::Url) -> Result<RequestHeader, Fault> {
    let unbuildable = |_| Fault::new(FaultKind::Forbidden, "a request that can't be passed on");
    let method = request.method.as_str();
    let mut head =
        RequestHeader::build(method, request.target.as_bytes(), Some(16)).map_err(unbuildable)?;
    for (name, value) in &request.headers {
        let is_ours = *name == header::AUTHORIZATION && is_our_token(value);
        if is_passed(name) && *name != header::HOST && !is_ours {
            head.append_header(name, value).map_err(unbuildable)?;
        }
    }
    let host = url.host_str().unwrap_or_default();
    let host = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    head.insert_header(header::HOST, host)
        .map_err(unbuildable)?;
    if crate::handlers::writes(request.method) {
        head.insert_header(header::CONTENT_LENGTH, request.body.len().to_string())
            .map_err(unbuildable)?;
    }
    Ok(head)
}

/// A token of ours is nobody else's business.
fn is_our_token(value: &HeaderValue) -> bool {
    match Credentials::read(Some(value.as_bytes())) {
        Credentials::Token(presented) => presented.token().is_ok(),
        Credentials::None | Credentials::Malformed => false,
    }
}

fn reply(responded: Responded) -> Result<Reply, Fault> {
    let mut reply = Reply::empty(responded.status);
    let fields = responded.headers.iter().filter(|(name, _)| is_passed(name));
    reply.headers = fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let Some(length) = responded.content_length() else {
        return Ok(reply);
    };
    reply.body = ReplyBody::Stream {
        source: Box::new(Passing(responded)),
        length,
    };
    Ok(reply)
}

/// A body on its way back.
struct Passing(Responded);

impl Source for Passing {
    fn next(&mut self, _takes_files: bool) -> NextPiece<'_> {
        Box::pin(async {
            let piece = self.0.next().await;
            piece
                .map(|bytes| bytes.map(Piece::Bytes))
                .map_err(|fault| BodyBroken(fault.detail))
        })
    }
}
