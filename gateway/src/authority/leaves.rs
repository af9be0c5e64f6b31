//! The certificates that clients see on connections that are opened: made when first asked for, one for each host of a
//! closed list, and kept in memory.
//!
//! Not here: whether a connection is opened or tunnelled, and whether what is asked for on it is for the same host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Authority, AuthorityError, host};

const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// A leaf with less of its life left is made anew, if that makes it live longer.
const SPARE: Duration = Duration::from_secs(86_400);

/// What connections to registry hosts are opened with. Authority and hosts can be changed while connections are open.
pub struct Leaves {
    in_force: ArcSwap<InForce>,
    clock: fn() -> SystemTime,
}

/// An authority with the hosts it is used for, and all that goes with them.
struct InForce {
    shelf: Arc<Shelf>,
    config: Arc<ServerConfig>,
}

/// The leaves of one authority. There are never more of them than hosts.
struct Shelf {
    authority: Arc<Authority>,
    hosts: BTreeSet<String>,
    made: RwLock<BTreeMap<String, Kept>>,
    clock: fn() -> SystemTime,
}

#[derive(Clone)]
struct Kept {
    certified: Arc<CertifiedKey>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Leaves {
    /// `clock` tells the moment of a handshake. Hosts that are beyond the authority are not opened; see
    /// [`Authority::beyond`].
    pub fn new(
        authority: Arc<Authority>,
        hosts: &[String],
        clock: fn() -> SystemTime,
    ) -> Result<Self, AuthorityError> {
        let in_force = ArcSwap::from_pointee(InForce::new(authority, hosts, clock)?);
        Ok(Self { in_force, clock })
    }

    /// Takes another authority or other hosts from the next handshake on. Tickets of before are not taken any more.
    pub fn renew(&self, authority: Arc<Authority>, hosts: &[String]) -> Result<(), AuthorityError> {
        let next = InForce::new(authority, hosts, self.clock)?;
        let same = {
            let shelf = &self.in_force.load().shelf;
            shelf.hosts == next.shelf.hosts
                && shelf.authority.certificate.der == next.shelf.authority.certificate.der
        };
        if !same {
            self.in_force.store(Arc::new(next));
        }
        Ok(())
    }

    /// The certificate for a listed host, with its chain and key.
    pub fn leaf(&self, host: &str, now: SystemTime) -> Result<Arc<CertifiedKey>, AuthorityError> {
        self.in_force.load().shelf.leaf(host, now)
    }

    /// What a handshake is made with: TLS 1.2 or 1.3, HTTP/2 or HTTP/1.1 (RFC 7301). It fails for names that are not
    /// opened.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.in_force.load().config)
    }
}

impl InForce {
    fn new(
        authority: Arc<Authority>,
        hosts: &[String],
        clock: fn() -> SystemTime,
    ) -> Result<Self, AuthorityError> {
        let hosts: Result<_, _> = hosts.iter().map(|name| host::read(name)).collect();
        let shelf = Arc::new(Shelf {
            authority,
            hosts: hosts?,
            made: RwLock::default(),
            clock,
        });
        let config = config(Arc::clone(&shelf) as _)
            .map_err(|error| AuthorityError::Signing(error.to_string()))?;
        Ok(Self {
            shelf,
            config: Arc::new(config),
        })
    }
}

fn config(resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    // A client that comes back is known by its ticket: no memory of ours, no signature.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

impl Shelf {
    fn leaf(&self, host: &str, now: SystemTime) -> Result<Arc<CertifiedKey>, AuthorityError> {
        let host = host.to_ascii_lowercase();
        if !self.hosts.contains(&host) {
            return Err(AuthorityError::Unlisted(host));
        }
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = self.fresh(&made, &host, now) {
            return Ok(kept);
        }
        drop(made);
        // Who comes meanwhile for the same host waits for this one: less than a millisecond, once in six days.
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = self.fresh(&made, &host, now) {
            return Ok(kept);
        }
        let kept = self.make(&host, now)?;
        let certified = Arc::clone(&kept.certified);
        made.insert(host, kept);
        Ok(certified)
    }

    fn fresh(
        &self,
        made: &BTreeMap<String, Kept>,
        host: &str,
        now: SystemTime,
    ) -> Option<Arc<CertifiedKey>> {
        let kept = made.get(host)?;
        let begun = kept.not_before <= now && now <= kept.not_after;
        let last = kept.not_after >= self.authority.not_after();
        (begun && (last || now + SPARE <= kept.not_after)).then(|| Arc::clone(&kept.certified))
    }

    fn make(&self, host: &str, now: SystemTime) -> Result<Kept, AuthorityError> {
        let leaf = self.authority.mint(host, now)?;
        let key = ring::sign::any_ecdsa_type(&leaf.key)
            .map_err(|error| AuthorityError::Signing(error.to_string()))?;
        Ok(Kept {
            certified: Arc::new(CertifiedKey::new(leaf.chain, key)),
            not_before: leaf.not_before,
            not_after: leaf.not_after,
        })
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.leaf(hello.server_name()?, (self.clock)())
            .inspect_err(|error| tracing::debug!(%error, "a connection is not opened"))
            .ok()
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shelf")
            .field("authority", &self.authority)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.in_force.load().shelf.fmt(out)
    }
}
