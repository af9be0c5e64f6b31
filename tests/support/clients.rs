//! The real clients, each run with a home and caches of its own and no proxy.
//!
//! `tests/clients/install` puts them at pinned versions into `target/clients`; it runs once, on
//! first use. A client that is still missing fails the test where `CI` or
//! `PORTCULLIS_REQUIRE_CLIENTS` is set, and is a loud skip elsewhere.

use super::within;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// The longest run of a client.
const RUN_MAX: Duration = Duration::from_secs(180);

/// A client program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Npm,
    Pnpm,
    YarnClassic,
    YarnBerry,
    Pip,
    Uv,
    Poetry,
    Twine,
    Maven,
    Promtool,
}

/// What a client did.
#[derive(Debug)]
pub struct Run {
    pub success: bool,
    /// Standard output and standard error, without colours.
    pub text: String,
}

impl Run {
    #[track_caller]
    pub fn succeeded(self) -> Run {
        assert!(self.success, "the client failed:\n{}", self.text);
        self
    }

    #[track_caller]
    pub fn failed(self) -> Run {
        assert!(!self.success, "the client succeeded:\n{}", self.text);
        self
    }

    /// Whether the output holds `sentence`, however it was wrapped by the client.
    pub fn says(&self, sentence: &str) -> bool {
        let squeeze = |text: &str| {
            let is_frame = |letter: &char| letter.is_whitespace() || "│|".contains(*letter);
            text.chars()
                .filter(|letter| !is_frame(letter))
                .collect::<String>()
        };
        squeeze(&self.text).contains(&squeeze(sentence))
    }
}

/// A folder with a home, caches and a project; gone at the end.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["home", "project", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder can be made");
        }
        Sandbox { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn project(&self, name: &str) -> PathBuf {
        self.path("project").join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.project(name), text).expect("a project file can be written");
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.project(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Deletes what was installed and cached, and keeps the project's own files.
    pub fn forget_installed(&self) {
        for name in [
            "home",
            "tmp",
            "project/node_modules",
            "project/installed",
            "repository",
        ] {
            let path = self.path(name);
            if path.exists() {
                std::fs::remove_dir_all(&path).expect("a folder can be removed");
            }
        }
        for name in ["home", "tmp"] {
            std::fs::create_dir(self.path(name)).expect("a folder can be made");
        }
    }

    /// Runs `client` in the project; nothing when it is missing and may be.
    pub fn run(&self, client: Client, arguments: &[&str]) -> Option<Run> {
        let mut command = self.command(client)?;
        command.args(arguments).stdin(Stdio::null());
        Some(finish(command))
    }

    /// As [`Sandbox::run`], with a file of the project as standard input.
    pub fn run_on(&self, client: Client, arguments: &[&str], input: &str) -> Option<Run> {
        let mut command = self.command(client)?;
        let input = std::fs::File::open(self.project(input)).expect("the file was written");
        command.args(arguments).stdin(input);
        Some(finish(command))
    }

    /// The command that runs `client` in the project; nothing when it is missing and may be.
    pub fn command(&self, client: Client) -> Option<Command> {
        let (program, first) = client.program()?;
        let mut command = Command::new(program);
        command
            .args(first)
            .current_dir(self.path("project"))
            .env_clear();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("NO_UPDATE_NOTIFIER", "1")
            .env("npm_config_cache", self.path("home/npm-cache"))
            .env("npm_config_fetch_retries", "0")
            .env("YARN_CACHE_FOLDER", self.path("home/yarn-cache"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("UV_NO_CONFIG", "1")
            .env("UV_CACHE_DIR", self.path("home/uv-cache"))
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("POETRY_CACHE_DIR", self.path("home/poetry-cache"))
            .env("POETRY_CONFIG_DIR", self.path("home/poetry-config"))
            .env("POETRY_VIRTUALENVS_IN_PROJECT", "true")
            .env("POETRY_KEYRING_ENABLED", "false");
        Some(command)
    }

    // --- npm family ---

    /// A project that asks `registry` for everything.
    pub fn npm_project(&self, registry: &str) {
        self.write(
            "package.json",
            "{\"name\":\"app\",\"version\":\"1.0.0\",\"private\":true}\n",
        );
        self.write(
            ".npmrc",
            &format!("registry={registry}\naudit=false\nfund=false\n"),
        );
        self.write(".yarnrc", &format!("registry \"{registry}\"\n"));
        self.write(
            ".yarnrc.yml",
            &format!(
                "npmRegistryServer: \"{registry}\"\nunsafeHttpWhitelist: [\"127.0.0.1\"]\n\
                 nodeLinker: node-modules\nenableTelemetry: false\nenableGlobalCache: false\n\
                 enableImmutableInstalls: false\nhttpRetry: 0\n"
            ),
        );
    }

    /// Adds a package with a client of the npm family.
    pub fn npm_add(&self, client: Client, package: &str) -> Option<Run> {
        match client {
            Client::Npm => self.run(client, &["install", "--no-audit", "--no-fund", package]),
            Client::Pnpm => self.run(client, &["add", "--store-dir", "../home/store", package]),
            Client::YarnClassic => self.run(
                client,
                &["add", "--non-interactive", "--no-progress", package],
            ),
            Client::YarnBerry => {
                // Berry takes a folder for a project only if it has a lockfile of its own.
                if !self.project("yarn.lock").exists() {
                    self.write("yarn.lock", "");
                }
                self.run(client, &["add", package])
            }
            other => panic!("{other:?} is no client of npm"),
        }
    }

    /// Installs what the lockfile says.
    pub fn npm_locked(&self, client: Client) -> Option<Run> {
        match client {
            Client::Npm => self.run(client, &["ci", "--no-audit", "--no-fund"]),
            Client::Pnpm => {
                let arguments = [
                    "install",
                    "--frozen-lockfile",
                    "--store-dir",
                    "../home/store",
                ];
                self.run(client, &arguments)
            }
            Client::YarnClassic => self.run(
                client,
                &["install", "--frozen-lockfile", "--non-interactive"],
            ),
            Client::YarnBerry => self.run(client, &["install", "--immutable"]),
            other => panic!("{other:?} is no client of npm"),
        }
    }

    /// The version of a package in `node_modules`.
    pub fn npm_installed(&self, package: &str) -> String {
        let manifest = self.read(&format!("node_modules/{package}/package.json"));
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
        manifest["version"].as_str().unwrap_or_default().to_owned()
    }

    // --- PyPI ---

    /// Installs a requirement into the folder `installed` of the project.
    pub fn pip_install(&self, client: Client, index: &str, requirement: &str) -> Option<Run> {
        let target = self.project("installed").display().to_string();
        match client {
            Client::Pip => self.run(
                client,
                &[
                    "install",
                    "--no-input",
                    "--retries",
                    "0",
                    "--index-url",
                    index,
                ]
                .into_iter()
                .chain(["--target", &target, requirement])
                .collect::<Vec<_>>(),
            ),
            Client::Uv => {
                let python = clients_folder()
                    .join("venv/bin/python")
                    .display()
                    .to_string();
                let arguments = ["pip", "install", "--python", &python, "--index-url", index];
                self.run(
                    client,
                    &[&arguments[..], &["--target", &target, requirement]].concat(),
                )
            }
            other => panic!("{other:?} is no installer of PyPI"),
        }
    }

    /// A Poetry project with one requirement.
    pub fn poetry_project(&self, index: &str, project: &str) {
        self.write(
            "pyproject.toml",
            &format!(
                "[tool.poetry]\nname = \"app\"\nversion = \"1.0.0\"\ndescription = \"\"\n\
                 authors = []\npackage-mode = false\n\n[tool.poetry.dependencies]\n\
                 python = \">=3.8\"\n{project} = \"*\"\n\n[[tool.poetry.source]]\n\
                 name = \"gateway\"\nurl = \"{index}\"\npriority = \"primary\"\n"
            ),
        );
    }

    // --- Maven ---

    /// A project whose parent, and build extension if there is one, come from the mirror. To
    /// resolve these Maven needs no plugin of its own, so nothing but the tests' artifacts.
    pub fn maven_project(&self, mirror: &str, parent: &str, extension: Option<&str>) {
        self.write(
            "settings.xml",
            &format!(
                "<settings><mirrors><mirror><id>gateway</id><mirrorOf>*</mirrorOf>\
                 <url>{mirror}</url></mirror></mirrors></settings>\n"
            ),
        );
        let extension = extension.map_or(String::new(), |coordinate| {
            let coordinate = coordinate_xml(coordinate);
            format!("<build><extensions><extension>{coordinate}</extension></extensions></build>")
        });
        let parent = coordinate_xml(parent);
        self.write(
            "pom.xml",
            &format!(
                "<project><modelVersion>4.0.0</modelVersion>\
                 <parent>{parent}<relativePath/></parent>\
                 <artifactId>app</artifactId><packaging>pom</packaging>{extension}</project>\n"
            ),
        );
    }

    pub fn maven_validate(&self) -> Option<Run> {
        let repository = format!("-Dmaven.repo.local={}", self.path("repository").display());
        // `user.home` is not taken from HOME by the JVM.
        let home = format!("-Duser.home={}", self.path("home").display());
        self.run(
            Client::Maven,
            &[
                "-B",
                "-e",
                "-s",
                "settings.xml",
                &home,
                &repository,
                "validate",
            ],
        )
    }
}

/// `group:artifact:version` as elements of a POM.
fn coordinate_xml(coordinate: &str) -> String {
    let parts: Vec<&str> = coordinate.split(':').collect();
    let [group, artifact, version] = parts[..] else {
        panic!("{coordinate}: not g:a:v")
    };
    format!(
        "<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
    )
}

impl Client {
    /// The program with its first arguments; nothing when it is missing and may be.
    pub fn program(self) -> Option<(PathBuf, Vec<PathBuf>)> {
        install();
        let folder = clients_folder();
        let modules = folder.join("node_modules");
        let venv = folder.join("venv/bin");
        let script = |path: &str| on_path("node").map(|node| (node, vec![modules.join(path)]));
        let found = match self {
            Client::Npm => on_path("npm").map(|npm| (npm, vec![])),
            Client::Pnpm => script("pnpm/bin/pnpm.cjs"),
            Client::YarnClassic => script("yarn/bin/yarn.js"),
            Client::YarnBerry => script("@yarnpkg/cli-dist/bin/yarn.js"),
            Client::Pip => Some((venv.join("pip"), vec![])),
            Client::Uv => Some((venv.join("uv"), vec![])),
            Client::Poetry => Some((venv.join("poetry"), vec![])),
            Client::Twine => Some((venv.join("twine"), vec![])),
            Client::Maven => on_path("mvn").map(|mvn| (mvn, vec![])),
            Client::Promtool => on_path("promtool")
                .or_else(|| Some(folder.join("usr/bin/promtool")))
                .map(|promtool| (promtool, vec![])),
        };
        let is_there = |(program, first): &(PathBuf, Vec<PathBuf>)| {
            program.exists() && first.iter().all(|path| path.exists())
        };
        let found = found.filter(is_there);
        if found.is_none() {
            let must = ["CI", "PORTCULLIS_REQUIRE_CLIENTS"];
            let must = must.iter().any(|name| std::env::var_os(name).is_some());
            assert!(!must, "{self:?} is missing and could not be installed");
            eprintln!("SKIPPED: {self:?} is missing and could not be installed");
        }
        found
    }
}

/// Where the install script puts what the machine does not have.
pub fn clients_folder() -> PathBuf {
    root().join("target/clients")
}

/// The root of the workspace: `PORTCULLIS_ROOT`, else the folder above the gateway's.
pub fn root() -> PathBuf {
    if let Some(root) = std::env::var_os("PORTCULLIS_ROOT") {
        return root.into();
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("the crate lies in the workspace")
        .to_owned()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Runs the install script once in this process; its own lock serves others.
fn install() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let status = Command::new("bash")
            .arg(root().join("tests/clients/install"))
            .status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("tests/clients/install did not succeed; see above");
        }
    });
}

/// Runs to the end, or kills and fails after [`RUN_MAX`].
pub fn finish(mut command: Command) -> Run {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the client starts");
    let text = Arc::new(Mutex::new(Vec::new()));
    let stdout = drain(
        child.stdout.take().expect("stdout was asked for"),
        Arc::clone(&text),
    );
    let stderr = drain(
        child.stderr.take().expect("stderr was asked for"),
        Arc::clone(&text),
    );
    let ended = within(RUN_MAX, || matches!(child.try_wait(), Ok(Some(_))));
    if !ended {
        let _ = child.kill();
    }
    let status = child.wait().expect("the client ends");
    stdout.join().expect("a reader does not panic");
    stderr.join().expect("a reader does not panic");
    let text = text.lock().expect("no holder panicked");
    let text = without_colours(&String::from_utf8_lossy(&text));
    assert!(ended, "the client did not end within {RUN_MAX:?}:\n{text}");
    Run {
        success: status.success(),
        text,
    }
}

fn drain(
    mut from: impl std::io::Read + Send + 'static,
    into: Arc<Mutex<Vec<u8>>>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            into.lock()
                .expect("no holder panicked")
                .extend_from_slice(&chunk[..count]);
        }
    })
}

fn without_colours(text: &str) -> String {
    static PATTERN: OnceLock<regex::Regex> = OnceLock::new();
    let pattern = PATTERN.get_or_init(|| {
        regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("the pattern is right")
    });
    pattern.replace_all(text, "").into_owned()
}
