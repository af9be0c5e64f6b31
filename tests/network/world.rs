//! The gateway on the router between a client and an internet.

use super::clients::Guest;
use super::internet::Internet;
use super::names::Names;
use super::topology::{Namespace, Topology};
pub use crate::refusals::DENIED;
use crate::support::gateway::{Gateway, binary, run};
use crate::support::http::{Reply, Request};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The listener of the forward proxy.
pub const PROXY: u16 = 8082;
/// The listener for redirected connections.
pub const REDIRECT: u16 = 8443;
/// What a whole head, of TLS or HTTP, may take in these tests.
pub const HEAD_DEADLINE_SECONDS: u64 = 2;

/// How connections come to the redirect listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Redirect,
    Transparent,
}

/// Everything of one test. The program ends before what it stands on goes.
pub struct World {
    gateway: Option<Gateway>,
    pub internet: Internet,
    folder: tempfile::TempDir,
    pub topology: Topology,
}

impl World {
    /// A client, a plain router, and an internet with packages; nothing where namespaces cannot
    /// be made and need not.
    pub fn open(names: Names) -> Option<World> {
        let topology = Topology::create()?;
        let internet = Internet::start(&topology, names);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let world = World {
            gateway: None,
            internet,
            folder,
            topology,
        };
        let bundle = world.internet.authority.pem();
        std::fs::write(world.internet_authority(), bundle).expect("a file can be written");
        world.publish();
        Some(world)
    }

    /// What everybody may have, and what nobody may.
    fn publish(&self) {
        let internet = &self.internet;
        for name in ["left-pad", "evil-pkg", "typescirpt"] {
            internet.publish_npm(name, &["1.0.0"]);
        }
        // `pip` is asked for to learn where files lie.
        for name in ["demo-pkg", "evil-dist", "reqeusts", "pip"] {
            internet.publish_pypi(name, &["1.0"]);
        }
        internet.publish_maven(("org.demo", "parent"), "1.0", "pom");
        internet.publish_maven(("org.demo", "extension"), "1.0", "jar");
        // The one library that Maven adds to every extension.
        internet.publish_maven(("org.codehaus.plexus", "plexus-utils"), "1.1", "jar");
        internet.publish_maven(("org.evil", "dropper"), "1.0", "pom");
    }

    /// Starts the program with rules and lines of the `[network]` table.
    pub fn serve(&mut self, network: &str, rules: &str) {
        self.configure(network, rules);
        self.start();
    }

    fn configure(&self, network: &str, rules: &str) {
        let names = &self.internet.names;
        let text = format!(
            "[upstreams]\nnpm = \"{}\"\npypi = \"{}\"\nmaven = \"{}\"\n\n\
             [limits]\nhead_deadline = \"{HEAD_DEADLINE_SECONDS}s\"\n\n{network}\n{rules}\n",
            names.npm.url(),
            names.pypi.url(),
            names.maven.url(),
        );
        std::fs::write(self.config(), text).expect("a file can be written");
    }

    /// What an operator does before network mode is turned on.
    fn create_authority(&self) {
        let mut command = self.environment(Command::new(binary()));
        command.args(["authority", "create", "--config"]);
        command.arg(self.config()).arg("--data").arg(self.data());
        let made = self.topology.gateway.wrap(&command).output();
        let made = made.expect("the program starts");
        assert!(made.status.success(), "{made:?}");
    }

    /// A program on the router trusts the internet.
    fn environment(&self, mut command: Command) -> Command {
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("SSL_CERT_FILE", self.internet_authority());
        command
    }

    /// As [`World::serve`] with both listeners of network mode and the rules of this way, for
    /// clients that then trust the gateway's authority.
    pub fn take_over(&mut self, way: Way, network: &str, rules: &str) {
        let listeners = format!(
            "[network]\nproxy = \"[::]:{PROXY}\"\nredirect = \"[::]:{REDIRECT}\"\n\
             transparent = {}\n{network}\n",
            way == Way::Transparent
        );
        self.configure(&listeners, rules);
        self.create_authority();
        self.start();
        self.redirect(way);
    }

    fn start(&mut self) {
        let command = self.environment(Gateway::command(&self.config(), &self.data()));
        self.gateway = Some(Gateway::launch(self.topology.gateway.wrap(&command)));
    }

    /// The gateway and its clients on one machine, the router: it runs as this user, and the
    /// connections of all others are redirected.
    pub fn take_over_locally(&mut self, user: &str) {
        let listener = format!("[network]\nredirect = \"[::]:{REDIRECT}\"\n");
        self.configure(&listener, DENIED);
        self.create_authority();
        let mut command = Command::new("chown");
        command.arg("-R").arg(user).arg(self.folder());
        assert!(command.status().expect("chown runs").success());
        let serve = self.environment(Gateway::command(&self.config(), &self.data()));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--clear-groups"]);
        command.arg(serve.get_program()).args(serve.get_args());
        let command = self.environment(command);
        self.gateway = Some(Gateway::launch(self.topology.gateway.wrap(&command)));
        let printed = self.printed(&["--local", "--user", user]);
        self.topology.gateway.nft(&printed.rules);
    }

    /// The secret of a new token that may read.
    pub fn token(&self, name: &str) -> String {
        let (config, data) = (self.config(), self.data());
        let [config, data] = [config, data].map(|it| it.display().to_string());
        let fixed = [
            "token", "create", name, "--config", &config, "--data", &data,
        ];
        let output = run(&fixed, "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Stops the program and starts it again on the same data.
    pub fn restart(&mut self) {
        self.running_mut().stop();
        self.gateway = None;
        self.start();
    }

    pub fn running_mut(&mut self) -> &mut Gateway {
        self.gateway.as_mut().expect("the program was started")
    }

    pub fn running(&self) -> &Gateway {
        self.gateway.as_ref().expect("the program was started")
    }

    /// Loads the rules that bring the client's connections to the redirect listener.
    pub fn redirect(&self, way: Way) {
        let printed = self.printed_rules(&[]);
        self.topology.gateway.nft(&printed.rules);
        assert_eq!(printed.commands.is_empty(), way == Way::Redirect);
        for line in &printed.commands {
            let mut command = Command::new("sh");
            command.args(["-c", line]);
            let ran = self.topology.gateway.wrap(&command).status();
            assert!(ran.expect("a shell starts").success(), "{line}");
        }
    }

    /// What `portcullis network rules --print --router` prints for this configuration.
    pub fn printed_rules(&self, more: &[&str]) -> Printed {
        self.printed(&[&["--router"], more].concat())
    }

    fn printed(&self, more: &[&str]) -> Printed {
        let config = self.config().display().to_string();
        let fixed = ["network", "rules", "--print", "--config", &config];
        let output = run(&[&fixed[..], more].concat(), "");
        assert!(output.status.success(), "{output:?}");
        let beside = String::from_utf8_lossy(&output.stderr).into_owned();
        let commands = beside.lines().filter_map(|line| line.strip_prefix("run: "));
        Printed {
            rules: String::from_utf8_lossy(&output.stdout).into_owned(),
            commands: commands.map(str::to_owned).collect(),
        }
    }

    /// Takes the gateway out of the way again.
    pub fn undo(&self) {
        self.topology.gateway.nft("flush ruleset\n");
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("portcullis.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of the gateway's authority.
    pub fn authority(&self) -> PathBuf {
        self.data().join("authority/authority.pem")
    }

    /// The certificate of the internet's authority.
    pub fn internet_authority(&self) -> PathBuf {
        self.folder.path().join("internet.pem")
    }

    /// A developer whose clients trust the gateway.
    pub fn guest(&self) -> Guest<'_> {
        Guest::new(&self.topology.client, &self.authority())
    }

    /// A developer whose clients trust the internet, and not the gateway.
    pub fn stranger(&self) -> Guest<'_> {
        Guest::new(&self.topology.client, &self.internet_authority())
    }

    pub fn client(&self) -> &Namespace {
        &self.topology.client
    }

    /// A request to the registry mode's listener, made on the router.
    pub fn get(&self, target: &str) -> Reply {
        let to = self.running().address;
        self.topology
            .gateway
            .enter(|| Request::get(target).send(to))
    }

    pub fn admin(&self, target: &str) -> Reply {
        let to = self.running().admin;
        self.topology
            .gateway
            .enter(|| Request::get(target).send(to))
    }

    /// The sum of the samples of a metric whose line has all of these words.
    pub fn metric(&self, words: &[&str]) -> f64 {
        let text = self.admin("/metrics").expect(200).text();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let ours = samples.filter(|line| words.iter().all(|word| line.contains(word)));
        let value = |line: &str| {
            line.rsplit(' ')
                .next()
                .and_then(|it| it.parse::<f64>().ok())
        };
        ours.filter_map(value).sum()
    }

    /// The reason that `explain --batch` gives for a line of input.
    pub fn explained(&self, line: &str) -> String {
        let config = self.config().display().to_string();
        let output = run(
            &["explain", "--batch", "--config", &config],
            &format!("{line}\n"),
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let fields: Vec<&str> = text.trim_end().split('\t').collect();
        assert_eq!(fields.len(), 4, "{output:?}");
        assert_eq!(fields[0], "deny", "{output:?}");
        fields[3].to_owned()
    }

    /// Nobody asked for a name that is not of the test: no client went anywhere else.
    #[track_caller]
    pub fn nothing_else_was_asked(&self) {
        let strangers = self.internet.zone.strangers();
        assert!(
            strangers.is_empty(),
            "names outside of the test: {strangers:?}"
        );
    }
}

/// What `network rules` prints: the rules for nft, and commands for a shell.
pub struct Printed {
    pub rules: String,
    pub commands: Vec<String>,
}
