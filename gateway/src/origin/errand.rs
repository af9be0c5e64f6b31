//! What is passed on to a registry as it came, and back: requests that are no package traffic and that the operator
//! lets pass. Nothing of it is kept.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

use super::upstream::{Fault, FaultKind, Fetcher, Passing, Responded, Upstream};
use super::{Supply, failure_of};
use crate::bounds::Budget;
use crate::config::Limits;
use crate::exchange::{BodyBroken, NextPiece, Piece, Reply, ReplyBody, Request, Source};
use crate::failure::Failure;
use crate::handlers::{is_token, writes};
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
        let fetcher = Fetcher {
            network: &self.network,
            upstream,
            limits,
            metrics: Some(&self.metrics),
            same_thing: &|_| true,
        };
        let passing = Passing {
            method: request.method.as_str(),
            target: &request.target,
            headers: fields(request),
            body: writes(request.method).then(|| request.body.clone()),
        };
        let passing = fetcher.pass(&url, passing);
        let responded = passing.await.map_err(to_failure)?;
        let replying = reply(responded, limits, &self.memory);
        replying.await.map_err(to_failure)
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

/// The fields that go on: what was meant for us does not.
fn fields(request: &Request) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let is_ours = *name == header::AUTHORIZATION && is_token(value.as_bytes());
        if is_passed(name) && *name != header::HOST && !is_ours {
            headers.append(name, value.clone());
        }
    }
    headers
}

async fn reply(
    responded: Responded,
    limits: &Limits,
    memory: &Arc<Budget>,
) -> Result<Reply, Fault> {
    let mut reply = Reply::empty(responded.status);
    let fields = responded.headers.iter();
    reply.headers = fields
        .filter(|(name, _)| is_passed(name) && **name != header::DATE)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    reply.body = match responded.content_length() {
        Some(length) => ReplyBody::Stream {
            source: Box::new(Returning(responded)),
            length,
        },
        // How long it is, is only known at its end.
        None => {
            let mut memory = memory.reservation();
            let body = responded.bytes(limits.document_bytes, &mut memory);
            ReplyBody::Full(body.await?)
        }
    };
    Ok(reply)
}

/// A body on its way back.
struct Returning(Responded);

impl Source for Returning {
    fn next(&mut self, _takes_files: bool) -> NextPiece<'_> {
        Box::pin(async {
            let piece = self.0.next().await;
            piece
                .map(|bytes| bytes.map(Piece::Bytes))
                .map_err(|fault| BodyBroken(fault.detail))
        })
    }
}
