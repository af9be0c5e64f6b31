//! A PostgreSQL server for tests: a new cluster in a temporary folder, on a Unix socket.
//!
//! It is started once for each test process and ends with it, even when that is killed: a shell
//! waits for the end of its standard input, stops the server and removes the folder. Every test
//! gets a database of its own. Without PostgreSQL's binaries there is none, which is said loudly,
//! or fails if `PORTCULLIS_REQUIRE_CLIENTS` or `CI` is set.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long the server may take to answer.
const START_WAIT: Duration = Duration::from_secs(30);

/// Starts the server, and stops it when standard input ends. $1: binaries, $2: folder.
const KEEPER: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c max_connections=200 &
server=$!
cat > /dev/null
kill -QUIT $server
wait $server
rm -rf "$2"
"#;

struct Server {
    binaries: PathBuf,
    folder: PathBuf,
    /// Its standard input is open as long as this process lives.
    _keeper: Child,
}

/// The address of an empty database, if there is PostgreSQL on this machine.
pub fn empty_database() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let server = SERVER.get_or_init(Server::start).as_ref()?;
    let name = format!("house{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let made = Command::new(server.binaries.join("createdb"))
        .args(["-U", "postgres", &name, "-h"])
        .arg(&server.folder)
        .status()
        .unwrap();
    assert!(made.success(), "createdb failed");
    let socket = server.folder.display();
    Some(format!("postgres:///{name}?user=postgres&host={socket}"))
}

impl Server {
    fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            let wanted = ["PORTCULLIS_REQUIRE_CLIENTS", "CI"];
            let is_wanted = wanted.iter().any(|key| std::env::var_os(key).is_some());
            assert!(!is_wanted, "PostgreSQL is not installed");
            eprintln!("SKIPPED: PostgreSQL is not installed, only SQLite is tested");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("postgres").tempdir();
        let folder = folder.unwrap().keep();
        let is_root = run("id", &["-u"]).trim() == "0";
        if is_root {
            // The server refuses to run as root.
            run("chown", &["postgres", &folder.display().to_string()]);
        }
        let data = folder.join("data").display().to_string();
        let made = as_server(is_root, &binaries.join("initdb"))
            .args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--no-sync",
                "-D",
                &data,
            ])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        let keeper = as_server(is_root, Path::new("sh"))
            .args(["-c", KEEPER, "sh"])
            .args([&binaries, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            binaries,
            folder,
            _keeper: keeper,
        };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let start = Instant::now();
        let mut ready = Command::new(self.binaries.join("pg_isready"));
        ready.arg("-q").arg("-h").arg(&self.folder);
        while !ready.status().unwrap().success() {
            assert!(start.elapsed() < START_WAIT, "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The newest installation, or the one on the path.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut folders: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.splice(0..0, std::env::split_paths(&path));
    folders
        .into_iter()
        .rfind(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn as_server(is_root: bool, program: &Path) -> Command {
    let mut command = if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // The folder of the test may be closed to the server's user.
    command.current_dir("/");
    command
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} failed");
    String::from_utf8(output.stdout).unwrap()
}
