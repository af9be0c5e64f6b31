//! Three network namespaces of the test's own: a client, a router on which the gateway runs, and
//! an internet. Nothing else is reachable from them, and nothing of them is left behind.
//!
//! A socket belongs to the namespace of the thread that opened it, for good. So a test opens
//! sockets inside with [`Namespace::enter`] and uses them anywhere; only programs that open
//! their own are started inside, by `ip netns exec`.

use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Addresses for documentation (RFC 5737, RFC 3849): nobody's, and not private either.
pub const CLIENT: [&str; 2] = ["192.0.2.2", "2001:db8:1::2"];
/// The router as clients see it.
pub const LAN: [&str; 2] = ["192.0.2.1", "2001:db8:1::1"];
/// The router as the internet sees it.
pub const WAN: [&str; 2] = ["198.51.100.1", "2001:db8:2::1"];
/// The name server of the internet.
pub const RESOLVER: [&str; 2] = ["198.51.100.53", "2001:db8:2::53"];

/// The address of the internet's host with this number, in both families.
pub fn host(number: u8) -> [IpAddr; 2] {
    let four = format!("198.51.100.{number}");
    let six = format!("2001:db8:2::{number}");
    [four, six].map(|text| text.parse().expect("an address"))
}

/// How many hosts the internet has room for, from the first number on.
pub const HOSTS: std::ops::RangeInclusive<u8> = 11..=19;

/// One network namespace; gone when dropped.
pub struct Namespace {
    name: String,
}

impl Namespace {
    fn create(name: String) -> Namespace {
        ip(&["netns", "add", &name]);
        let namespace = Namespace { name };
        std::fs::create_dir_all(namespace.folder()).expect("we are root");
        namespace
    }

    /// What `ip netns exec` lays over `/etc` for programs inside.
    fn folder(&self) -> String {
        format!("/etc/netns/{}", self.name)
    }

    /// Makes these the name servers of programs that are started from now on.
    fn resolve_by(&self, servers: &[&str]) {
        let lines: String = servers
            .iter()
            .map(|server| format!("nameserver {server}\n"))
            .collect();
        let text = format!("{lines}options timeout:2 attempts:2\n");
        std::fs::write(format!("{}/resolv.conf", self.folder()), text).expect("we are root");
    }

    /// Runs `action` on a thread inside; the sockets that it opens stay inside.
    pub fn enter<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        let file = std::fs::File::open(format!("/run/netns/{}", self.name));
        let file = file.expect("the namespace is there");
        let entered = std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                use std::os::fd::AsFd as _;
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("we are root");
                action()
            });
            inside.join()
        });
        entered.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// As [`Namespace::enter`], on a thread of this user.
    pub fn enter_as<T: Send>(&self, user: u32, action: impl FnOnce() -> T + Send) -> T {
        self.enter(|| {
            let user = rustix::process::Uid::from_raw(user);
            rustix::thread::set_thread_res_uid(user, user, user).expect("we are root");
            action()
        })
    }

    /// The same program, arguments, folder and variables, but inside. Variables that `command`
    /// would inherit are not passed on.
    pub fn wrap(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", &self.name])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                inside.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// Loads rules of nftables.
    pub fn nft(&self, rules: &str) {
        feed(
            "ip",
            &["netns", "exec", &self.name, "nft", "-f", "-"],
            rules,
        );
    }

    /// The rules of nftables that are loaded.
    pub fn ruleset(&self) -> String {
        let arguments = ["netns", "exec", &self.name, "nft", "list", "ruleset"];
        ip(&arguments)
    }

    /// Runs one command of iproute2 inside: `link`, `address`, `route`, `rule`.
    pub fn ip(&self, arguments: &[&str]) -> String {
        ip(&[&["-n", self.name.as_str()], arguments].concat())
    }

    /// Writes a value below `/proc/sys/net`.
    pub fn sysctl(&self, name: &str, value: &str) {
        let file = format!("/proc/sys/net/{name}");
        self.enter(|| std::fs::write(&file, value).expect("we are root"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Takes a namespace away; that it is gone already is no failure.
fn remove(name: &str) {
    let _ = Command::new("ip")
        .args(["netns", "del", name])
        .stderr(Stdio::null())
        .status();
    let _ = std::fs::remove_dir_all(format!("/etc/netns/{name}"));
}

/// The three namespaces and the two links between them.
pub struct Topology {
    pub client: Namespace,
    pub gateway: Namespace,
    pub internet: Namespace,
}

impl Topology {
    /// Nothing where namespaces cannot be made; that is a failure where clients are required.
    pub fn create() -> Option<Topology> {
        if let Err(reason) = possible() {
            let must = ["CI", "PORTCULLIS_REQUIRE_CLIENTS"];
            let must = must.iter().any(|name| std::env::var_os(name).is_some());
            assert!(!must, "no network namespaces: {reason}");
            eprintln!("SKIPPED: no network namespaces: {reason}");
            return None;
        }
        remove_left_behind();
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = |part: &str| format!("{PREFIX}{}-{number}-{part}", std::process::id());
        let topology = Topology {
            client: Namespace::create(name("client")),
            gateway: Namespace::create(name("gateway")),
            internet: Namespace::create(name("internet")),
        };
        topology.connect();
        topology.forward(true);
        topology.client.resolve_by(&[RESOLVER[0]]);
        topology.gateway.resolve_by(&[RESOLVER[0]]);
        Some(topology)
    }

    fn connect(&self) {
        let [client, gateway, internet] =
            [&self.client, &self.gateway, &self.internet].map(|it| it.name.as_str());
        let mut lines = String::new();
        let mut line = |text: String| {
            lines.push_str(&text);
            lines.push('\n');
        };
        line(format!(
            "link add lan netns {gateway} type veth peer name eth0 netns {client}"
        ));
        line(format!(
            "link add wan netns {gateway} type veth peer name eth0 netns {internet}"
        ));
        feed("ip", &["-batch", "-"], &lines);
        batch(&self.client, "eth0", &CLIENT.map(str::to_owned));
        batch(&self.gateway, "lan", &LAN.map(str::to_owned));
        batch(&self.gateway, "wan", &WAN.map(str::to_owned));
        let hosts = HOSTS.flat_map(host).map(|address| address.to_string());
        let hosts: Vec<String> = hosts.chain(RESOLVER.map(str::to_owned)).collect();
        batch(&self.internet, "eth0", &hosts);
        for (way, lan) in LAN.into_iter().enumerate() {
            self.client.ip(&["route", "add", "default", "via", lan]);
            let net = ["192.0.2.0/24", "2001:db8:1::/64"][way];
            self.internet.ip(&["route", "add", net, "via", WAN[way]]);
        }
    }

    /// Whether the router passes packets on. Without it, clients reach the gateway and no more.
    pub fn forward(&self, is_on: bool) {
        let value = if is_on { "1" } else { "0" };
        self.gateway.sysctl("ipv4/ip_forward", value);
        self.gateway.sysctl("ipv6/conf/all/forwarding", value);
    }

    /// Takes IPv4 from the client.
    pub fn client_has_only_ipv6(&self) {
        self.client.ip(&["-4", "address", "flush", "dev", "eth0"]);
        self.client.resolve_by(&[RESOLVER[1]]);
    }
}

/// Gives a device its addresses and starts it, and loopback.
fn batch(namespace: &Namespace, device: &str, addresses: &[String]) {
    let mut lines = format!("link set lo up\nlink set {device} up\n");
    for address in addresses {
        // Without a search for duplicates, which takes a second.
        let (length, more) = if address.contains(':') {
            (64, " nodad")
        } else {
            (24, "")
        };
        lines.push_str(&format!(
            "address add {address}/{length} dev {device}{more}\n"
        ));
    }
    feed("ip", &["-n", &namespace.name, "-batch", "-"], &lines);
}

const PREFIX: &str = "portcullis-test-";

/// Why namespaces cannot be made here.
fn possible() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("not root".into());
    }
    for (program, argument) in [("ip", "-V"), ("nft", "-v")] {
        let answer = Command::new(program).arg(argument).output();
        if !answer.is_ok_and(|answer| answer.status.success()) {
            return Err(format!("no program {program}"));
        }
    }
    Ok(())
}

/// Removes what test processes left that were killed.
fn remove_left_behind() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let Ok(entries) = std::fs::read_dir("/run/netns") else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name
                .strip_prefix(PREFIX)
                .and_then(|it| it.split('-').next());
            let is_dead = |id: &str| !std::path::Path::new(&format!("/proc/{id}")).exists();
            if process.is_some_and(is_dead) {
                remove(&name);
            }
        }
    });
}

/// Runs `ip`, which must succeed, and gives back what it prints.
#[track_caller]
fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output();
    let output = output.expect("ip runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program on this input; it must succeed.
#[track_caller]
fn feed(program: &str, arguments: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = child.stdin.take().expect("stdin was asked for");
    stdin
        .write_all(input.as_bytes())
        .expect("it reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {error}\n{input}"
    );
}
