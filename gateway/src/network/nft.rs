//! The nftables rules that hand connections to the gateway without their clients knowing.
//!
//! This is text for an operator to read and load; nothing is run here. Everything lives in one
//! table of its own, which is replaced as a whole in one transaction, so loading twice is loading
//! once and removing it leaves no trace. Where packets keep their destination (TPROXY) a routing
//! rule is needed too, which nft cannot make: those are lines for a shell, printed beside.

mod routes;
mod text;

use std::net::IpAddr;

use routes::MARK;
use text::{Rule, append_chain, append_comments, set};

/// Whose connections are handed to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those that this machine forwards for others.
    Router,
    /// Those that programs on this machine open.
    Local,
}

/// Which connections go to the gateway, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    pub kind: Kind,
    /// The port of the `redirect` listener, on all addresses of this machine.
    pub redirect_port: u16,
    /// TPROXY instead of REDIRECT: packets keep their destination, and no connection tracking is
    /// needed.
    pub transparent: bool,
    /// Router: where the clients' packets come in. Local: where they would go out. All of them if
    /// not said.
    pub interface: Option<String>,
    /// The user that the gateway runs as, by name or number. Local: its own connections are left
    /// alone.
    pub user: Option<String>,
    /// Refuse QUIC (UDP port 443), which the gateway does not read, so that clients take TCP at
    /// once.
    pub quic: bool,
    /// The TCP ports whose connections are handed over.
    pub ports: Vec<u16>,
    /// Destinations that are left alone; the machine's own addresses are in any case.
    pub exclude: Vec<IpAddr>,
}

/// What is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// For `nft -f`. The shell lines stand in it as comments.
    pub nft: String,
    /// For a shell, as root: after loading, or after undoing. Each may be run again.
    pub shell: Vec<String>,
}

/// Why no rules can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRedirection(pub &'static str);

/// IFNAMSIZ without the end of the string
const INTERFACE_BYTES: usize = 15;
/// LOGIN_NAME_MAX of shadow's useradd
const USER_BYTES: usize = 32;

/// The gateway has services of its own there: a client's are not to be mistaken for them.
const LINK_LOCAL: [(&str, &str); 2] = [
    (
        "Not services of the very link, such as those of clouds.",
        "ip daddr 169.254.0.0/16 return",
    ),
    ("The same over IPv6.", "ip6 daddr fe80::/10 return"),
];

/// `destroy table` says the same in one line, but nft knows it only from 1.0.7 and Linux from 6.3.
const CLEAR: &str = "\
add table inet portcullis
delete table inet portcullis
";

impl Redirection {
    /// The rules, whether or not they are loaded already.
    pub fn script(&self) -> Result<Script, BadRedirection> {
        self.check()?;
        let shell = match self.transparent {
            true => routes::add(),
            false => Vec::new(),
        };
        let mut nft = self.opening(&shell);
        nft.push_str(CLEAR);
        nft.push_str("\ntable inet portcullis {\n");
        match (self.kind, self.transparent) {
            (Kind::Router, false) => self.redirect_forwarded(&mut nft),
            (Kind::Router, true) => self.deliver_forwarded(&mut nft),
            (Kind::Local, false) => self.redirect_own(&mut nft),
            (Kind::Local, true) => self.deliver_own(&mut nft),
        }
        if self.quic {
            self.refuse_quic(&mut nft);
        }
        nft.push_str("}\n");
        Ok(Script { nft, shell })
    }

    /// Names are checked because they become part of a text that root loads.
    fn check(&self) -> Result<(), BadRedirection> {
        if self.redirect_port == 0 || self.ports.contains(&0) {
            return Err(BadRedirection("port 0 is no port"));
        }
        if self.ports.is_empty() {
            return Err(BadRedirection("no ports to hand over"));
        }
        if self
            .interface
            .as_deref()
            .is_some_and(|name| !is_interface(name))
        {
            return Err(BadRedirection("this is no name of an interface"));
        }
        if self.user.as_deref().is_some_and(|name| !is_user(name)) {
            return Err(BadRedirection("this is no name or number of a user"));
        }
        if self.kind == Kind::Local && self.user.is_none() {
            return Err(BadRedirection(
                "say which user the gateway runs as: \
                 its own connections would come back to it for ever",
            ));
        }
        Ok(())
    }

    fn opening(&self, shell: &[String]) -> String {
        let whose = match self.kind {
            Kind::Router => "connections that this machine forwards for others",
            Kind::Local => "connections that programs on this machine open",
        };
        let port = self.redirect_port;
        let mut text = format!(
            "# Portcullis, network mode: {whose}.\n\
             # Load with: nft -f FILE. Loading it again replaces this table and touches no other.\n\
             # The gateway must listen on port {port} for IPv4 and IPv6, and the firewall let\n\
             # these connections in.\n"
        );
        match self.transparent {
            false => text.push_str("# Connections that are open already stay as they are.\n"),
            true => text.push_str(
                "# Connections that are open already are cut off once.\n\
                 # Packets also need a route, which nft cannot make but a shell, as root and\n\
                 # again after each start:\n",
            ),
        }
        append_comments(&mut text, shell);
        text.push_str(
            "\n# An earlier table is replaced; added first, so that there is one to delete.\n",
        );
        text
    }

    fn redirect_forwarded(&self, text: &mut String) {
        let mut rules = vec![self.entrance(), machine()];
        rules.extend(self.left_alone());
        rules.push(self.redirect());
        append_chain(
            text,
            "hand_over",
            "type nat hook prerouting priority -100",
            &rules,
        );
    }

    fn redirect_own(&self, text: &mut String) {
        let mut rules = self.not_the_gateway();
        rules.push(self.redirect());
        append_chain(
            text,
            "hand_over",
            "type nat hook output priority -100",
            &rules,
        );
    }

    fn deliver_forwarded(&self, text: &mut String) {
        let mut rules = vec![self.entrance(), machine()];
        rules.extend(self.left_alone());
        let ports = self.port_set();
        let port = self.redirect_port;
        rules.push((
            "To the gateway, marked so that the routing rule keeps them on this machine.",
            format!("tcp dport {ports} tproxy to :{port} meta mark set {MARK} accept"),
        ));
        rules.push(self.closed());
        append_chain(
            text,
            "deliver",
            "type filter hook prerouting priority -150",
            &rules,
        );
    }

    /// Only packets that come in can be given to a listener by TPROXY, so those that go out are
    /// marked and routed back in by the loopback interface.
    fn deliver_own(&self, text: &mut String) {
        let mut rules = self.not_the_gateway();
        let ports = self.port_set();
        rules.push((
            "Marked, so that the routing rule turns them round to the loopback interface.",
            format!("tcp dport {ports} meta mark set {MARK}"),
        ));
        append_chain(text, "turn", "type route hook output priority -150", &rules);
        let port = self.redirect_port;
        let rules = [
            (
                "Only what was turned round.",
                "iifname != \"lo\" return".to_owned(),
            ),
            (
                "Only what was turned round.",
                format!("meta mark != {MARK} return"),
            ),
            (
                "To the gateway.",
                format!("tcp dport {ports} tproxy to :{port} accept"),
            ),
            self.closed(),
        ];
        text.push('\n');
        append_chain(
            text,
            "deliver",
            "type filter hook prerouting priority -150",
            &rules,
        );
    }

    fn refuse_quic(&self, text: &mut String) {
        let (hook, mut rules) = match self.kind {
            Kind::Router => ("type filter hook forward priority 0", vec![self.entrance()]),
            Kind::Local => ("type filter hook output priority 0", self.not_the_gateway()),
        };
        if self.kind == Kind::Router {
            rules.extend(self.left_alone());
        }
        rules.push((
            "QUIC is refused and not dropped: clients fall back to TCP at once.",
            "udp dport 443 reject with icmpx type port-unreachable".to_owned(),
        ));
        text.push('\n');
        append_chain(text, "quic", hook, &rules);
    }

    /// Router: which way packets come in that are looked at.
    fn entrance(&self) -> Rule {
        match &self.interface {
            Some(name) => (
                "Only what comes in from the clients.",
                format!("iifname != \"{name}\" return"),
            ),
            None => (
                "Not what this machine says to itself.",
                "iifname \"lo\" return".to_owned(),
            ),
        }
    }

    /// Local: which packets are not looked at.
    fn not_the_gateway(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if let Some(user) = &self.user {
            let user = match user.bytes().all(|byte| byte.is_ascii_digit()) {
                true => user.clone(),
                false => format!("\"{user}\""),
            };
            rules.push((
                "Not the gateway's own connections to the registries, or they would go in circles.",
                format!("meta skuid {user} return"),
            ));
        }
        if let Some(name) = &self.interface {
            rules.push((
                "Only what leaves by this interface.",
                format!("oifname != \"{name}\" return"),
            ));
        }
        rules.push(machine());
        rules.extend(self.left_alone());
        rules
    }

    fn left_alone(&self) -> Vec<Rule> {
        let comment = "Destinations to be left alone.";
        let excluded = [("ip", false), ("ip6", true)]
            .into_iter()
            .filter_map(|(family, is_v6)| {
                let found = self.exclude.iter().map(IpAddr::to_canonical);
                let found = found.filter(|address| address.is_ipv6() == is_v6);
                let set = set(found)?;
                Some((comment, format!("{family} daddr {set} return")))
            });
        LINK_LOCAL
            .into_iter()
            .map(|(comment, rule)| (comment, rule.to_owned()))
            .chain(excluded)
            .collect()
    }

    fn redirect(&self) -> Rule {
        let ports = self.port_set();
        (
            "To the gateway, which asks the kernel where they were going.",
            format!("tcp dport {ports} redirect to :{}", self.redirect_port),
        )
    }

    /// With REDIRECT the kernel refuses what no one listens for; TPROXY lets it pass.
    fn closed(&self) -> Rule {
        let ports = self.port_set();
        (
            "Where the gateway does not listen nothing goes past it.",
            format!("tcp dport {ports} reject with tcp reset"),
        )
    }

    fn port_set(&self) -> String {
        set(self.ports.iter()).unwrap_or_default()
    }
}

/// Removes all that any [`Redirection`] made, and does nothing where there is nothing.
pub fn undo() -> Script {
    let shell = routes::remove();
    let mut nft = String::from(
        "# Portcullis, network mode: takes back its rules, whichever they were.\n\
         # Load with: nft -f FILE. It is harmless where there are none.\n\
         # Routing, which is not nft's, is taken back by a shell as root:\n",
    );
    append_comments(&mut nft, &shell);
    nft.push_str("\n# Added first, so that there is one to delete.\n");
    nft.push_str(CLEAR);
    Script { nft, shell }
}

fn machine() -> Rule {
    (
        "Not what is meant for this machine itself.",
        "fib daddr type local return".to_owned(),
    )
}

fn is_interface(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:@+".contains(&byte);
    (1..=INTERFACE_BYTES).contains(&name.len()) && name.bytes().all(legal)
}

fn is_user(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let number = name.parse::<u32>().is_ok();
    let word = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    (number || word) && name.len() <= USER_BYTES && name.bytes().all(legal)
}

#[cfg(test)]
mod tests;
