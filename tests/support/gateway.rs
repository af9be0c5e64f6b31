//! Runs the built program on free ports with a folder of its own, and stops it at the end.
//!
//! [`House`] is what most tests want: the program in front of three scripted upstreams.

use super::http::{Reply, Request};
use super::registry::Registry;
use super::{eventually, within};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// How long the program may take to say that it listens.
const START_WAIT: Duration = Duration::from_secs(20);

/// The program under test: `PORTCULLIS_BIN`, else what cargo built beside the tests.
pub fn binary() -> PathBuf {
    match (
        std::env::var_os("PORTCULLIS_BIN"),
        option_env!("CARGO_BIN_EXE_portcullis"),
    ) {
        (Some(path), _) => path.into(),
        (None, Some(path)) => path.into(),
        (None, None) => panic!("set PORTCULLIS_BIN to the program under test"),
    }
}

/// Runs the program with arguments and standard input, and waits for its end.
pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin was asked for");
    let input = input.to_owned();
    // A thread of its own: the program may answer line by line before it has read all.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer does not panic");
    output
}

/// A running program.
pub struct Gateway {
    child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts the program and waits until it says where it listens.
    pub fn start(config: &Path, data: &Path) -> Gateway {
        Gateway::launch(Gateway::command(config, data))
    }

    /// The command that starts the program.
    pub fn command(config: &Path, data: &Path) -> Command {
        let mut command = Command::new(binary());
        command.arg("serve").arg("--config").arg(config);
        command.arg("--data").arg(data);
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command
    }

    /// Runs a command that starts the program, perhaps through another that becomes it.
    pub fn launch(mut command: Command) -> Gateway {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        collect(
            child.stderr.take().expect("stderr was asked for"),
            Arc::clone(&log),
        );
        let stdout = BufReader::new(child.stdout.take().expect("stdout was asked for"));
        let line = first_line(stdout, Arc::clone(&log));
        match line.as_deref().and_then(addresses) {
            Some((address, admin)) => Gateway {
                child,
                address,
                admin,
                log,
            },
            None => {
                let _ = child.kill();
                let _ = child.wait();
                let log = log.lock().map(|log| log.clone()).unwrap_or_default();
                panic!("the program did not say where it listens: {line:?}\n{log}");
            }
        }
    }

    /// What the program has written so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no holder panicked").clone()
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Asks the program to end, and does not wait for it.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Memory in use, in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the program runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("VmRSS is there");
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().expect("VmRSS is a number") * 1024
    }

    /// Whether the program still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the program as a power cut would.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the program to end, and ends it when it does not.
    pub fn stop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let child = &mut self.child;
        if !within(Duration::from_secs(5), || {
            !matches!(child.try_wait(), Ok(None))
        }) {
            self.kill();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
        if std::thread::panicking() {
            // One line per request would hide what matters; the last few show where it ended.
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.len().saturating_sub(8);
            let told = lines[..end].iter().filter(|line| !line.contains(" INFO "));
            let told: Vec<&str> = told.chain(&lines[end..]).copied().collect();
            eprintln!("--- the program's log ---\n{}", told.join("\n"));
        } else {
            assert!(!log.contains("panicked at"), "the program panicked:\n{log}");
        }
    }
}

fn collect(mut from: impl std::io::Read + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(count) = from.read(&mut chunk) {
            if count == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&chunk[..count]).into_owned();
            into.lock().expect("no holder panicked").push_str(&text);
        }
    });
}

fn first_line(
    mut stdout: BufReader<std::process::ChildStdout>,
    log: Arc<Mutex<String>>,
) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = stdout.read_line(&mut line);
        let _ = sender.send(line);
        let mut rest = Vec::new();
        let _ = stdout
            .by_ref()
            .take(64 * 1024 * 1024)
            .read_to_end(&mut rest);
        log.lock()
            .expect("no holder panicked")
            .push_str(&String::from_utf8_lossy(&rest));
    });
    receiver.recv_timeout(START_WAIT).ok()
}

/// Reads `portcullis listening http://ADDR admin http://ADDR`; with TLS the first is https.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let rest = line.trim().strip_prefix("portcullis listening ")?;
    let (_, rest) = rest.split_once("://")?;
    let (address, admin) = rest.split_once(" admin http://")?;
    Some((address.parse().ok()?, admin.parse().ok()?))
}

/// The program in front of three scripted upstreams.
pub struct House {
    pub gateway: Gateway,
    pub npm: Registry,
    pub pypi: Registry,
    pub maven: Registry,
    folder: tempfile::TempDir,
    limits: String,
    rules: String,
}

impl House {
    /// Starts upstreams that know nothing, and the program with these rules (TOML: groups and
    /// repositories).
    pub fn new(rules: &str) -> House {
        House::with_limits(rules, "")
    }

    /// As [`House::new`], with lines of the `[limits]` table.
    pub fn with_limits(rules: &str, limits: &str) -> House {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (npm, pypi, maven) = (Registry::start(), Registry::start(), Registry::start());
        let config = folder.path().join("portcullis.toml");
        let text = config_text(&[&npm, &pypi, &maven], limits, rules);
        std::fs::write(&config, text).expect("a temporary file can be written");
        let gateway = Gateway::start(&config, &folder.path().join("data"));
        let (limits, rules) = (limits.to_owned(), rules.to_owned());
        House {
            gateway,
            npm,
            pypi,
            maven,
            folder,
            limits,
            rules,
        }
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("portcullis.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder that holds the configuration and the data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration with other rules, as an editor does: a new file, renamed.
    pub fn write_rules(&mut self, rules: &str) {
        self.rules = rules.to_owned();
        let text = config_text(&[&self.npm, &self.pypi, &self.maven], &self.limits, rules);
        let draft = self.folder.path().join("portcullis.toml.new");
        std::fs::write(&draft, text).expect("a temporary file can be written");
        std::fs::rename(&draft, self.config()).expect("a file can be renamed");
    }

    /// Stops the program and starts it again on the same data.
    pub fn restart(&mut self) {
        self.gateway.stop();
        self.gateway = Gateway::start(&self.config(), &self.data());
    }

    /// Kills the program and starts it again on the same data.
    pub fn crash_and_restart(&mut self) {
        self.gateway.kill();
        self.gateway = Gateway::start(&self.config(), &self.data());
    }

    /// Makes all upstreams unreachable.
    pub fn upstreams_down(&self) {
        self.upstreams().iter().for_each(|registry| registry.down());
    }

    pub fn upstreams_up(&self) {
        self.upstreams().iter().for_each(|registry| registry.up());
    }

    pub fn upstreams(&self) -> [&Registry; 3] {
        [&self.npm, &self.pypi, &self.maven]
    }

    /// How many requests all upstreams saw.
    pub fn upstream_total(&self) -> usize {
        self.upstreams()
            .iter()
            .map(|registry| registry.total())
            .sum()
    }

    pub fn forget(&self) {
        self.upstreams()
            .iter()
            .for_each(|registry| registry.forget());
    }

    /// The base address of an ecosystem's mount, for example `url("/npm/public/")`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address)
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        Request::get(target).send(self.gateway.address)
    }

    #[track_caller]
    pub fn send(&self, request: &Request) -> Reply {
        request.send(self.gateway.address)
    }

    #[track_caller]
    pub fn admin(&self, target: &str) -> Reply {
        Request::get(target).send(self.gateway.admin)
    }

    /// Waits until `target` answers with `status`.
    #[track_caller]
    pub fn eventually_status(&self, target: &str, status: u16) {
        let mut last = 0;
        eventually(&format!("{target} answers {status}"), || {
            last = self.get(target).status;
            last == status
        });
    }

    /// `portcullis explain SELECTOR --config FILE`, and further arguments: what it printed.
    pub fn explain(&self, selector: &str, more: &[&str]) -> String {
        let config = self.config().display().to_string();
        let arguments = [&["explain", selector, "--config", &config], more].concat();
        let output = run(&arguments, "");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `portcullis explain --batch`: one line `verdict, rule, imitated, reason` for each line in.
    pub fn explain_batch(&self, lines: &str) -> Vec<Vec<String>> {
        let config = self.config().display().to_string();
        let output = run(&["explain", "--batch", "--config", &config], lines);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect()
    }
}

fn config_text(upstreams: &[&Registry; 3], limits: &str, rules: &str) -> String {
    let [npm, pypi, maven] = upstreams.map(Registry::url);
    format!(
        "[upstreams]\nnpm = \"{npm}\"\npypi = \"{pypi}\"\nmaven = \"{maven}\"\n\n\
         [limits]\n{limits}\n\n{rules}\n"
    )
}

/// The sentence of a refusal, checked to be the same in every carrier: the reason phrase, the
/// body's `error`, and for npm the `npm-notice` header.
#[track_caller]
pub fn sentence(reply: &Reply) -> String {
    assert_eq!(reply.status, 403, "{} {}", reply.phrase, reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(reply.phrase.len() <= 200, "{}", reply.phrase);
    let is_printable = reply
        .phrase
        .bytes()
        .all(|byte| (0x20..0x7f).contains(&byte));
    assert!(is_printable, "{:?}", reply.phrase);
    let error = reply.json()["error"]
        .as_str()
        .map(str::to_owned)
        .unwrap_or_default();
    assert!(!error.is_empty(), "no \"error\" in {}", reply.text());
    if reply.phrase.len() < 190 {
        assert_eq!(reply.phrase, error, "the phrase and the body differ");
    }
    reply.phrase.clone()
}
