//! Real clients in the client's namespace that were never told of any registry: no file, no
//! variable of this machine reaches them. What they trust they are told by variables.

use super::topology::Namespace;
use crate::support::clients::{Client, Run, Sandbox, finish};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The clients of network mode's tests.
pub const CLIENTS: [Client; 4] = [Client::Npm, Client::Pip, Client::Uv, Client::Maven];

const STORE_PASSWORD: &str = "changeit";

/// Runs a client outside of any namespace, still without any setting.
pub fn outside(sandbox: &Sandbox, client: Client, arguments: &[&str]) -> Option<Run> {
    let mut command = unconfigured(sandbox, client)?;
    command.args(arguments).stdin(Stdio::null());
    Some(finish(command))
}

/// The file of a client's program.
pub fn program(client: Client) -> Option<PathBuf> {
    client.program().map(|(program, _)| program)
}

fn unconfigured(sandbox: &Sandbox, client: Client) -> Option<Command> {
    let mut command = sandbox.command(client)?;
    // npm's file for the whole machine; the others have no such file or are kept from it.
    command.env("npm_config_globalconfig", "/dev/null");
    Some(command)
}

/// A developer at the client: a home and a project, and what is trusted there.
pub struct Guest<'a> {
    namespace: &'a Namespace,
    pub sandbox: Sandbox,
    variables: Vec<(String, String)>,
    java: Vec<String>,
}

impl<'a> Guest<'a> {
    /// Somebody whose clients trust the authority in this file, and no other.
    pub fn new(namespace: &'a Namespace, authority: &Path) -> Guest<'a> {
        let file = authority.display().to_string();
        let names = [
            "NODE_EXTRA_CA_CERTS",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "PIP_CERT",
        ];
        let mut guest = Guest {
            namespace,
            sandbox: Sandbox::new(),
            variables: names.map(|name| (name.to_owned(), file.clone())).to_vec(),
            java: Vec::new(),
        };
        guest
            .sandbox
            .write("package.json", "{\"name\":\"app\",\"version\":\"1.0.0\"}\n");
        guest.set("npm_config_update_notifier", "false");
        guest.java.push(format!(
            "-Duser.home={}",
            guest.sandbox.path("home").display()
        ));
        guest.java.push(format!(
            "-Dmaven.repo.local={}",
            guest.sandbox.path("repository").display()
        ));
        if on_path("keytool") {
            guest.trust_in_java(&file);
        }
        guest
    }

    /// Java reads no PEM: a store with the one certificate.
    fn trust_in_java(&mut self, authority: &str) {
        let store = self.sandbox.path("trust.p12").display().to_string();
        let fixed = [
            "-importcert",
            "-noprompt",
            "-alias",
            "authority",
            "-storetype",
            "PKCS12",
        ];
        let output = Command::new("keytool")
            .args(fixed)
            .args([
                "-file",
                authority,
                "-keystore",
                &store,
                "-storepass",
                STORE_PASSWORD,
            ])
            .output();
        let output = output.expect("keytool runs");
        assert!(output.status.success(), "{output:?}");
        self.java
            .push(format!("-Djavax.net.ssl.trustStore={store}"));
        self.java.push(format!(
            "-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}"
        ));
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Sends the clients through a forward proxy.
    pub fn proxied(mut self, host: &str, port: u16) -> Guest<'a> {
        for name in ["HTTPS_PROXY", "HTTP_PROXY"] {
            self.set(name, &format!("http://{host}:{port}"));
        }
        self.java.push(format!("-Dhttps.proxyHost={host}"));
        self.java.push(format!("-Dhttps.proxyPort={port}"));
        self
    }

    /// On a machine without IPv4, Java has to be told so, whatever it connects to.
    pub fn of_ipv6(mut self) -> Guest<'a> {
        self.java.push("-Djava.net.preferIPv6Addresses=true".into());
        self
    }

    /// Runs a client; nothing when it is missing and may be.
    pub fn run(&self, client: Client, arguments: &[&str]) -> Option<Run> {
        let mut command = unconfigured(&self.sandbox, client)?;
        command.args(arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("MAVEN_OPTS", self.java.join(" "));
        let mut command = self.namespace.wrap(&command);
        command.stdin(Stdio::null());
        Some(finish(command))
    }

    /// Installs `package` (for Maven `group:artifact:version`, as a parent).
    pub fn install(&self, client: Client, package: &str) -> Option<Run> {
        let target = self.sandbox.project("installed").display().to_string();
        match client {
            Client::Npm => self.run(client, &["install", "--no-audit", "--no-fund", package]),
            Client::Pip => {
                let fixed = ["install", "--no-input", "--retries", "0", "--target"];
                self.run(client, &[&fixed[..], &[&target, package]].concat())
            }
            Client::Uv => {
                let python = python()?;
                let fixed = ["pip", "install", "--python", &python, "--target"];
                self.run(client, &[&fixed[..], &[&target, package]].concat())
            }
            Client::Maven => {
                let extension = Some("org.demo:extension:1.0");
                self.sandbox.maven_project("", package, extension);
                self.run(client, &["-B", "-e", "validate"])
            }
            other => panic!("{other:?} has no test here"),
        }
    }

    /// Whether what [`ordinary`] names was installed.
    pub fn has_ordinary(&self, client: Client) -> bool {
        let file = match client {
            Client::Npm => "project/node_modules/left-pad/index.js",
            Client::Maven => "repository/org/demo/extension/1.0/extension-1.0.jar",
            _ => "project/installed/demo_pkg.py",
        };
        self.sandbox.path(file).is_file()
    }
}

/// The interpreter that lies beside the installed pip.
pub fn python() -> Option<String> {
    let pip = program(Client::Pip)?;
    Some(pip.with_file_name("python").display().to_string())
}

/// A package that everybody may have, see [`super::world::World::publish`].
pub fn ordinary(client: Client) -> &'static str {
    match client {
        Client::Npm => "left-pad",
        Client::Maven => "org.demo:parent:1.0",
        _ => "demo-pkg",
    }
}

/// A package that nobody may have, and the line that asks `explain --batch` why.
pub fn denied(client: Client) -> (&'static str, &'static str) {
    match client {
        Client::Npm => ("evil-pkg", "npm\tevil-pkg"),
        Client::Maven => ("org.evil:dropper:1.0", "maven\torg.evil:dropper"),
        _ => ("evil-dist", "pypi\tevil-dist"),
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
