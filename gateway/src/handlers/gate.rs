//! Who asks, and whether that is enough: tokens before anything else is looked at.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, header};
use rules::PackageName;

use crate::access::{Credentials, Denial, Principal};
use crate::app::App;
use crate::exchange::{Method, Mode, Request};
use crate::failure::Failure;
use crate::state::Right;

/// The principal of a request; `None` is anybody.
pub async fn principal(
    app: &App,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<Option<Principal>, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(denied(Denial::Malformed));
    }
    principal_of(app, first.map(HeaderValue::as_bytes), now).await
}

/// Whether a token of ours is shown, be it good or not.
fn shows_token(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION);
    value.is_some_and(|value| is_token(value.as_bytes()))
}

/// Whether credentials are of the form of a token of ours.
pub fn is_token(shown: &[u8]) -> bool {
    match Credentials::read(Some(shown)) {
        Credentials::Token(presented) => presented.token().is_ok(),
        Credentials::None | Credentials::Malformed => false,
    }
}

/// The principal of credentials; `None` is anybody.
pub async fn principal_of(
    app: &App,
    shown: Option<&[u8]>,
    now: SystemTime,
) -> Result<Option<Principal>, Failure> {
    let credentials = Credentials::read(shown);
    let presented = match &credentials {
        Credentials::None => return Ok(None),
        Credentials::Malformed => return Err(denied(Denial::Malformed)),
        Credentials::Token(presented) => presented,
    };
    let text = presented
        .token()
        .map_err(|why| denied(Denial::NotAToken(why)))?;
    let found = app.tokens.find(&app.state, text.hash()).await;
    let token = found.map_err(|error| Failure::State(error.to_string()))?;
    let token = token.ok_or_else(|| denied(Denial::Unknown))?;
    Principal::new(&token, now).map(Some).map_err(denied)
}

/// Whether a request may read at all.
pub async fn admit_reader(app: &App, request: &Request) -> Result<Option<Principal>, Failure> {
    let (headers, now) = (&request.headers, request.received_at);
    let is_anonymous = match request.caller.mode {
        Mode::Registry => !headers.contains_key(header::AUTHORIZATION),
        // What a client shows to the registry is none of our business, unless it is ours.
        Mode::Forward | Mode::Network => !shows_token(headers),
    };
    if is_anonymous
        && let Some(shown) = &request.caller.shown
        && is_token(shown.as_bytes())
    {
        return principal_of(app, Some(shown.as_bytes()), now).await;
    }
    if is_anonymous && request.snapshot.config.anonymous_read {
        return Ok(None);
    }
    if is_anonymous {
        return Err(denied(Denial::ReadNeedsToken));
    }
    match principal(app, headers, now).await? {
        Some(principal) => Ok(Some(principal)),
        None => Err(denied(Denial::ReadNeedsToken)),
    }
}

/// Whether the principal of a request may do this to a package of a repository.
pub fn allow(
    repository: &str,
    principal: Option<&Principal>,
    right: Right,
    package: &PackageName,
) -> Result<(), Failure> {
    let Some(principal) = principal else {
        return match right {
            Right::Read => Ok(()),
            Right::Publish | Right::Admin => Err(denied(Denial::PublishNeedsToken)),
        };
    };
    principal
        .may(right, repository, package)
        .map_err(|refused| Failure::Forbidden(refused.sentence))
}

/// Whether a method changes something.
pub fn writes(method: Method) -> bool {
    matches!(method, Method::Put | Method::Post | Method::Delete)
}

pub fn denied(denial: Denial) -> Failure {
    Failure::Denied(Box::new(denial))
}
