//! What is to be done with a connection that was meant for another: opened, passed on, or refused. Nothing is done here.

use std::net::SocketAddr;

use super::first::First;
use super::forward::Host;
use crate::config::{Network, Passing};

/// Where a connection was going, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The packets' own address.
    Address(SocketAddr),
    /// What a proxy was asked for.
    Name(Host, u16),
    /// Nowhere but here.
    Nothing,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the registry's of this name.
    Open(String),
    Tunnel,
    Refuse(&'static str),
}

const ANOTHER: &str =
    "portcullis: this connection was asked for by one name and begun with another";
const NAMELESS: &str =
    "portcullis: a connection that does not say whom it is for is not passed on here";
const HIDDEN: &str = "portcullis: a registry can't be spoken to without its name in clear";
const OTHERS: &str = "portcullis: only package registries are reached through this gateway";
const NOWHERE: &str = "portcullis: this is no registry that the gateway serves";

/// Judges the first bytes of a connection. What a client says last counts: the name in its first bytes is the one that
/// a server would answer to; but a registry that the proxy was asked for under one name is not spoken to under another.
pub fn verdict(
    first: &First,
    asked: &Asked,
    settings: &Network,
    is_registry: &dyn Fn(&str) -> bool,
) -> Verdict {
    let asked_name = asked_name(asked, is_registry);
    let asked_name = asked_name.as_deref();
    let asks_registry = asked_name.is_some_and(is_registry);
    let said = match first {
        First::Hello(hello) => hello.name.as_deref(),
        First::Http { host: Some(host) } => Some(host.as_str()),
        First::Malformed(why) => return Verdict::Refuse(why),
        First::Http { host: None } => return Verdict::Refuse(NAMELESS),
        First::Other => None,
    };
    match said {
        Some(name) if is_registry(name) || asks_registry => match asked_name {
            Some(asked) if asked != name => Verdict::Refuse(ANOTHER),
            _ => Verdict::Open(name.to_owned()),
        },
        None if asks_registry => Verdict::Refuse(HIDDEN),
        // A proxy knows by name whom it connects; elsewhere an address says too little.
        None if asked_name.is_none() && settings.nameless == Passing::Refuse => {
            Verdict::Refuse(NAMELESS)
        }
        _ if settings.others == Passing::Refuse => Verdict::Refuse(OTHERS),
        _ if *asked == Asked::Nothing => Verdict::Refuse(NOWHERE),
        _ => Verdict::Tunnel,
    }
}

/// The name that was asked for. An address is one where a registry is configured by it.
fn asked_name(asked: &Asked, is_registry: &dyn Fn(&str) -> bool) -> Option<String> {
    let address = match asked {
        Asked::Name(Host::Name(name), _) => return Some(name.clone()),
        Asked::Name(Host::Address(address), _) => *address,
        Asked::Address(address) => address.ip(),
        Asked::Nothing => return None,
    };
    Some(address.to_string()).filter(|address| is_registry(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::network::hello::Hello;

    fn hello(name: Option<&str>) -> First {
        First::Hello(Hello {
            name: name.map(str::to_owned),
            alpn: Vec::new(),
            encrypted: false,
        })
    }

    fn http(host: Option<&str>) -> First {
        First::Http {
            host: host.map(str::to_owned),
        }
    }

    #[test]
    fn every_connection_has_one_verdict() {
        let named = |name: &str| Asked::Name(Host::Name(name.to_owned()), 443);
        let address = || Asked::Address("192.0.2.1:443".parse().expect("an address"));
        let literal = || Asked::Name(Host::Address("192.0.2.1".parse().expect("one")), 443);
        let by_address = || Asked::Address("192.0.2.9:443".parse().expect("an address"));
        let (registry, other) = ("registry.test", "other.test");
        let open = || Verdict::Open(registry.to_owned());
        let defaults = Network::default();
        let strict = Network {
            others: Passing::Refuse,
            ..Network::default()
        };
        let trusting = Network {
            nameless: Passing::Tunnel,
            ..Network::default()
        };
        for (first, asked, settings, expected) in [
            (hello(Some(registry)), address(), &defaults, open()),
            (hello(Some(registry)), Asked::Nothing, &defaults, open()),
            (hello(Some(registry)), named(registry), &defaults, open()),
            (hello(Some(registry)), literal(), &defaults, open()),
            (hello(Some(registry)), address(), &strict, open()),
            (http(Some(registry)), address(), &defaults, open()),
            (http(Some(registry)), named(registry), &defaults, open()),
            (
                hello(Some(registry)),
                named(other),
                &defaults,
                Verdict::Refuse(ANOTHER),
            ),
            (
                http(Some(registry)),
                named(other),
                &defaults,
                Verdict::Refuse(ANOTHER),
            ),
            (
                hello(Some(other)),
                named(registry),
                &defaults,
                Verdict::Refuse(ANOTHER),
            ),
            (
                hello(None),
                named(registry),
                &trusting,
                Verdict::Refuse(HIDDEN),
            ),
            (
                First::Other,
                named(registry),
                &trusting,
                Verdict::Refuse(HIDDEN),
            ),
            (hello(Some(other)), address(), &defaults, Verdict::Tunnel),
            (hello(Some(other)), named(other), &defaults, Verdict::Tunnel),
            (
                hello(Some("a.test")),
                named(other),
                &defaults,
                Verdict::Tunnel,
            ),
            (First::Other, named(other), &defaults, Verdict::Tunnel),
            (http(Some(other)), address(), &defaults, Verdict::Tunnel),
            (
                hello(Some(other)),
                address(),
                &strict,
                Verdict::Refuse(OTHERS),
            ),
            (First::Other, named(other), &strict, Verdict::Refuse(OTHERS)),
            (
                hello(Some(other)),
                Asked::Nothing,
                &defaults,
                Verdict::Refuse(NOWHERE),
            ),
            (hello(None), address(), &defaults, Verdict::Refuse(NAMELESS)),
            (hello(None), literal(), &defaults, Verdict::Refuse(NAMELESS)),
            (http(None), address(), &defaults, Verdict::Refuse(NAMELESS)),
            (
                http(None),
                named(other),
                &trusting,
                Verdict::Refuse(NAMELESS),
            ),
            (
                First::Other,
                address(),
                &defaults,
                Verdict::Refuse(NAMELESS),
            ),
            (First::Other, address(), &trusting, Verdict::Tunnel),
            (
                hello(None),
                by_address(),
                &trusting,
                Verdict::Refuse(HIDDEN),
            ),
            (
                hello(Some(other)),
                by_address(),
                &trusting,
                Verdict::Refuse(ANOTHER),
            ),
            (
                First::Other,
                Asked::Nothing,
                &trusting,
                Verdict::Refuse(NOWHERE),
            ),
            (
                First::Malformed("why"),
                address(),
                &trusting,
                Verdict::Refuse("why"),
            ),
        ] {
            let is_registry = |host: &str| [registry, "192.0.2.9"].contains(&host);
            let found = verdict(&first, &asked, settings, &is_registry);
            assert_eq!(found, expected, "{first:?} {asked:?} {settings:?}");
        }
    }
}
