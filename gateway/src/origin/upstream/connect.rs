//! Names to addresses to connections: resolved once, checked, then connected to what was resolved.

use std::net::SocketAddr;
use std::time::Duration;

use moka::future::Cache as Table;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use url::Url;

use super::fault::{Fault, FaultKind};
use crate::config::Limits;
use crate::network::address;

/// The way to the upstreams: one connection pool and one name table for all.
pub struct Network {
    connector: Connector,
    addresses: Table<(String, u16), Vec<SocketAddr>>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            connector: Connector::new(Some(ConnectorOptions::new(256))),
            addresses: Table::builder()
                .max_capacity(1024)
                .time_to_live(NAME_TTL)
                .build(),
        }
    }
}

const NAME_TTL: Duration = Duration::from_secs(30);
/// Requests at once over one HTTP/2 connection; more open another.
const H2_STREAMS: usize = 32;
const POOL_IDLE: Duration = Duration::from_secs(60);

/// A connection that is ready for a request, and what is needed to give it back.
pub struct Connection {
    pub session: HttpSession,
    peer: HttpPeer,
    pub reused: bool,
}

impl Network {
    /// The addresses of a URL's host that may be connected to.
    pub async fn resolve(
        &self,
        url: &Url,
        allow_private: bool,
        limits: &Limits,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let host = url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let key = (host, port);
        let addresses = match self.addresses.get(&key).await {
            Some(addresses) => addresses,
            None => {
                let lookup = tokio::net::lookup_host((key.0.as_str(), port));
                let found: Vec<_> = tokio::time::timeout(limits.resolve, lookup)
                    .await
                    .map_err(|_| Fault::new(FaultKind::Timeout, "name not resolved in time"))?
                    .map_err(|error| {
                        Fault::new(
                            FaultKind::Unreachable,
                            format!("name not resolved: {error}"),
                        )
                    })?
                    .collect();
                self.addresses.insert(key, found.clone()).await;
                found
            }
        };
        let allowed: Vec<_> = addresses
            .into_iter()
            .filter(|address| address::may_reach(address.ip(), allow_private))
            .collect();
        if allowed.is_empty() {
            let text = "its name has no address that this gateway may connect to".to_owned();
            return Err(Fault::new(FaultKind::Forbidden, text));
        }
        Ok(allowed)
    }

    /// A connection to one address, from the pool or new.
    pub async fn connect(
        &self,
        url: &Url,
        address: SocketAddr,
        limits: &Limits,
    ) -> Result<Connection, Fault> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut peer = HttpPeer::new(address, url.scheme() == "https", host);
        peer.options.connection_timeout = Some(limits.connect);
        peer.options.total_connection_timeout = Some(limits.connect * 2);
        peer.options.read_timeout = Some(limits.idle);
        peer.options.write_timeout = Some(limits.idle);
        peer.options.idle_timeout = Some(POOL_IDLE);
        // HTTP/2 where TLS negotiates it: many documents at once over one connection.
        peer.options.alpn = ALPN::H2H1;
        peer.options.max_h2_streams = H2_STREAMS;
        let (session, reused) = self
            .connector
            .get_http_session(&peer)
            .await
            .map_err(|error| {
                Fault::new(
                    FaultKind::Unreachable,
                    format!("no connection: {}", error.etype().as_str()),
                )
            })?;
        Ok(Connection {
            session,
            peer,
            reused,
        })
    }

    /// Gives a connection back to the pool; only after its response was read to the end.
    pub async fn release(&self, connection: Connection) {
        let Connection { session, peer, .. } = connection;
        self.connector
            .release_http_session(session, &peer, Some(POOL_IDLE))
            .await;
    }
}
