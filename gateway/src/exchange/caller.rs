//! Who asks, and by which way the request came in.

use std::net::SocketAddr;

use http::HeaderValue;

/// The way in (closed set, a metric label).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The client was told the gateway's address.
    #[default]
    Registry,
    /// The client was told a proxy: it asks the registry by the registry's own name.
    Forward,
    /// The client was told nothing: the network brought its connection here.
    Network,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::Registry, Self::Forward, Self::Network];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Forward => "forward",
            Self::Network => "network",
        }
    }

    /// Whether the client believes that it speaks with the registry itself.
    pub fn is_intercepted(self) -> bool {
        self != Self::Registry
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    pub peer: SocketAddr,
    pub mode: Mode,
    /// The credentials that the client showed to the proxy (RFC 9110 §11.7.2): they are meant for us.
    pub shown: Option<HeaderValue>,
}
