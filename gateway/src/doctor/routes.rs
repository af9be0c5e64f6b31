//! The way a client takes to a host: directly, or by the proxy that it reads from its settings.

use super::clients::{Lookup, Tool, YARN_PROXIES};
use crate::config::upstream::Address;

/// A host and the way to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The host's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The proxy, if there is one.
    pub proxy: Option<Proxy>,
}

/// A proxy that is asked by CONNECT (RFC 9110, section 9.3.6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Proxy-Authorization`. It is shown nowhere.
    pub authorization: Option<Hidden>,
    /// Where it is set.
    pub source: String,
}

/// A value that does not appear in messages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[redacted]")
    }
}

impl Target {
    /// For people.
    pub(super) fn way(&self) -> String {
        match &self.proxy {
            None => "directly".to_owned(),
            Some(it) => format!("by the proxy {}:{} ({})", it.host, it.port, it.source),
        }
    }
}

/// The way of this client to a host; the text says which setting can't be used.
pub(super) fn target(tool: &Tool<'_>, host: &str) -> Result<Target, String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().unwrap_or(443)),
        None => (host, 443),
    };
    let proxy = match tool.client.heeds_no_proxy && is_exempt(tool, name) {
        true => None,
        false => proxy(tool)?,
    };
    Ok(Target {
        host: name.to_owned(),
        port,
        proxy,
    })
}

/// What makes the client come by the gateway, whose proxy listener is at `gateway`.
pub(super) fn advice(tool: &Tool<'_>, target: &Target, gateway: &str) -> String {
    if gateway.is_empty() {
        return match &target.proxy {
            Some(proxy) => format!("set `network.proxy`, and let {} name it", proxy.source),
            None => "let the network do it: portcullis network rules --print".to_owned(),
        };
    }
    match &target.proxy {
        Some(proxy) => format!("let {} name the gateway's, {gateway}", proxy.source),
        None => {
            let command = tool.client.proxy_advice.replace("{proxy}", gateway);
            format!("{command}, or let the network do it: portcullis network rules --print")
        }
    }
}

fn proxies(tool: &Tool<'_>) -> &'static [Lookup] {
    match tool.client.name {
        "yarn" => YARN_PROXIES[usize::from(tool.version.0 >= 2)],
        _ => tool.client.proxies,
    }
}

fn proxy(tool: &Tool<'_>) -> Result<Option<Proxy>, String> {
    let Some(found) = tool.first(proxies(tool)) else {
        return Ok(None);
    };
    let written = match found.value.contains("://") {
        true => found.value,
        false => format!("http://{}", found.value),
    };
    if ["null", "false"].contains(&written.trim_start_matches("http://")) {
        return Ok(None);
    }
    let address = Address::parse(&written)
        .map_err(|_| format!("the proxy in {} can't be used", found.source))?;
    Ok(Some(Proxy {
        host: address.host,
        port: address.port,
        authorization: address
            .credentials
            .map(|it| Hidden(it.authorization().to_owned())),
        source: found.source,
    }))
}

/// `NO_PROXY` as curl has it: names, their subdomains, and `*`.
fn is_exempt(tool: &Tool<'_>, host: &str) -> bool {
    if tool.client.name == "yarn" && tool.version.0 >= 2 {
        return false;
    }
    let variables = [Lookup::Variable("no_proxy"), Lookup::Variable("NO_PROXY")];
    let listed = tool
        .first(&variables)
        .map(|it| it.value)
        .unwrap_or_default();
    let covers = |entry: &str| {
        let name = entry
            .trim()
            .trim_start_matches("*.")
            .trim_start_matches('.');
        let name = name.split(':').next().unwrap_or("");
        let below = || {
            host.strip_suffix(name)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        entry.trim() == "*" || (!name.is_empty() && (host == name || below()))
    };
    listed.split(',').any(covers)
}
