//! README.md's chapter "Network mode" is run as it stands: from a machine on which nothing is set
//! to a look-alike that is refused, and back.
//!
//! A place has one shell for the whole chapter, so that what one block starts or sets is there for
//! the next. `sudo` is a program that runs its arguments (the test is root already), and `scp` one
//! that copies from the gateway's folder.

use super::names::Names;
use super::topology::{LAN, Namespace};
use super::world::World;
use crate::support::clients::{Client, Sandbox, root};
use crate::support::gateway::binary;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const STEP_MAX: Duration = Duration::from_secs(180);
/// How many steps the chapter has at least: a heading that was changed must not empty the test.
const STEPS_MIN: usize = 12;

/// Where something is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Gateway,
    Client,
}

/// One thing to do.
#[derive(Debug)]
enum Step {
    /// The gateway's configuration.
    Configuration(String),
    /// A block of commands, which must all succeed.
    Script(Place, String),
    /// One command, and what it prints.
    Told(Place, String, Vec<String>),
}

/// The blocks of the chapter that are marked to be run, in order.
fn steps() -> Vec<Step> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md is there");
    let chapter = text
        .split("\n## ")
        .find(|it| it.starts_with("Network mode\n"));
    let chapter = chapter.expect("the chapter is there");
    // Behind each odd fence stands a block, its language in the first line.
    let blocks = chapter.split("\n```").skip(1).step_by(2);
    let steps = blocks.flat_map(|block| {
        let (language, text) = block.split_once('\n').expect("a block has lines");
        of_block(language, text)
    });
    steps.collect()
}

fn of_block(language: &str, text: &str) -> Vec<Step> {
    let place = match text.lines().next() {
        Some("# on the gateway") => Some(Place::Gateway),
        Some("# on a client") => Some(Place::Client),
        _ => None,
    };
    match (language, place) {
        ("toml", Some(Place::Gateway)) => vec![Step::Configuration(text.to_owned())],
        ("sh", Some(place)) => vec![Step::Script(place, text.to_owned())],
        ("console", None) => dialogue(text),
        (_, None) => Vec::new(),
        other => panic!("{other:?} can't be run"),
    }
}

/// Commands behind a prompt, each with what it prints.
fn dialogue(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in text.lines() {
        match (line.split_once("$ "), steps.last_mut()) {
            (Some(("client", command)), _) => {
                steps.push(Step::Told(Place::Client, command.to_owned(), Vec::new()));
            }
            (Some(("gateway", command)), _) => {
                steps.push(Step::Told(Place::Gateway, command.to_owned(), Vec::new()));
            }
            (_, Some(Step::Told(_, _, lines))) => lines.push(line.to_owned()),
            _ => panic!("{line:?} stands before any prompt"),
        }
    }
    steps
}

/// A shell in a place, and the folder in which it stands.
struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    folder: PathBuf,
}

impl Shell {
    /// Starts a shell that knows `variables` and none of this machine's. `prepare` is run first,
    /// in a mount namespace of the shell's own.
    fn start(
        namespace: &Namespace,
        folder: &Path,
        variables: &[(&str, String)],
        prepare: &str,
    ) -> Shell {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-euo", "pipefail"]);
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        command.current_dir(folder);
        let mut command = namespace.wrap(&command);
        // A group of its own: what it started ends with it.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a shell starts");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let input = child.stdin.take().expect("it was asked for");
        let mut shell = Shell {
            child,
            input,
            lines,
            folder: folder.to_owned(),
        };
        shell.must("exec 2>&1");
        shell.must(prepare);
        shell
    }

    /// Runs lines in the shell itself; what they printed, if they succeed, else that as an error.
    /// Lines that fail end the shell, unless the test is about them.
    fn run(&mut self, script: &str) -> Result<String, String> {
        let file = self.folder.with_file_name("step.sh");
        std::fs::write(&file, script).expect("a file can be written");
        let end = "--- the step is done ---";
        let line = format!(". {} </dev/null\necho; echo '{end}'\n", file.display());
        let _ = self.input.write_all(line.as_bytes());
        let (mut text, bound) = (String::new(), Instant::now() + STEP_MAX);
        loop {
            let left = bound.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == end => return Ok(text),
                Ok(line) => {
                    text.push_str(&line);
                    text.push('\n');
                }
                Err(_) => return Err(text),
            }
        }
    }

    #[track_caller]
    fn must(&mut self, script: &str) -> String {
        match self.run(script) {
            Ok(text) => text,
            Err(text) => panic!("it failed, or took too long:\n{script}\n---\n{text}"),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// The two machines. They go before the world that they are in.
struct Machines {
    shells: BTreeMap<Place, Shell>,
    world: World,
    sandbox: Sandbox,
}

/// Takes away what is set for all of this machine's users.
const UNSET: &str = r#"
for file in /etc/npmrc /usr/etc/npmrc /usr/local/etc/npmrc /etc/pip.conf /etc/xdg/pip/pip.conf \
  /etc/uv/uv.toml /etc/xdg/uv/uv.toml /etc/mavenrc /usr/local/etc/mavenrc; do
  [ ! -e $file ] || mount --bind /dev/null $file
done
"#;

/// Keeps what changes the machine's own store of roots inside the shell, and gives root the
/// folder of the test as its home, which Java takes from nowhere else.
const APART: &str = r#"
mkdir -p "$HOME/../layers" && mount -t tmpfs layers "$HOME/../layers"
for folder in /etc/ssl /usr/local/share/ca-certificates /var/lib; do
  layer=$HOME/../layers/${folder//\//-}
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" layer "$folder"
done
sed "s|^root:\(.*\):/root:|root:\1:$HOME:|" /etc/passwd >"$HOME/../layers/passwd"
mount --bind "$HOME/../layers/passwd" /etc/passwd
update-ca-certificates
"#;

/// What is trusted, and which files there are, without caches and what was installed.
const STATE: &str = r#"
find /usr/local/share/ca-certificates /etc/ssl -not -path '*/java*' | sort
sort /etc/ssl/certs/ca-certificates.crt | sha256sum
keytool -list -cacerts -storepass changeit 2>/dev/null | sed -n 's/, .*trusted.*/ in Java/p'
find "$HOME" -not -path '*/.npm*' -not -path '*/.cache*' -not -path '*/.gradle*' \
  -not -path '*/.java*' -not -path '*/.m2*' -not -path '*/tmp*'
"#;

impl Machines {
    fn empty() -> Option<Machines> {
        let clients = [Client::Npm, Client::Pip, Client::Uv, Client::Maven];
        let world = World::open(Names::built_in())?;
        let programs: Option<Vec<PathBuf>> =
            clients.into_iter().map(super::clients::program).collect();
        let programs = programs?;
        for name in ["is-number", "is-odd"] {
            world.internet.publish_npm(name, &["1.0.0"]);
        }
        world.internet.publish_pypi("six", &["1.0"]);
        let machines = Machines {
            shells: BTreeMap::new(),
            world,
            sandbox: Sandbox::new(),
        };
        Some(machines.switched_on(&programs[1..3]))
    }

    fn switched_on(mut self, beside: &[PathBuf]) -> Machines {
        let folder = self.folder("gateway");
        self.tool("gateway", "sudo", "exec \"$@\"");
        let trust = self.world.internet_authority().display().to_string();
        // The internet of the test has an authority of its own, which the gateway trusts.
        let mut variables = self.variables("gateway");
        variables.push(("SSL_CERT_FILE", trust));
        let namespace = &self.world.topology.gateway;
        let shell = Shell::start(namespace, &folder, &variables, UNSET);
        self.shells.insert(Place::Gateway, shell);

        let from = folder.display().to_string();
        let folder = self.folder("client");
        self.tool("client", "sudo", "exec \"$@\"");
        self.tool(
            "client",
            "scp",
            &format!("exec cp \"{from}/${{1#gateway:}}\" \"$2\""),
        );
        let bin = self.sandbox.path("client/bin");
        for program in beside {
            let name = program.file_name().expect("a program has a name");
            symlink(program, bin.join(name)).expect("a link can be made");
        }
        let hosts = format!(
            "printf '127.0.0.1 localhost\\n{} gateway\\n' >$HOME/../layers/hosts\n\
             mount --bind $HOME/../layers/hosts /etc/hosts\n",
            LAN[0]
        );
        let variables = self.variables("client");
        let namespace = &self.world.topology.client;
        let shell = Shell::start(
            namespace,
            &folder,
            &variables,
            &format!("{UNSET}{APART}{hosts}"),
        );
        self.shells.insert(Place::Client, shell);
        self
    }

    /// An empty home, which is also where the shell stands, and a folder of programs beside it.
    fn folder(&self, place: &str) -> PathBuf {
        let home = self.sandbox.path(place).join("home");
        std::fs::create_dir_all(&home).expect("a folder can be made");
        let bin = self.sandbox.path(place).join("bin");
        std::fs::create_dir_all(&bin).expect("a folder can be made");
        symlink(binary(), bin.join("portcullis")).expect("a link can be made");
        home
    }

    fn tool(&self, place: &str, name: &str, text: &str) {
        let file = self.sandbox.path(place).join("bin").join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a file can be written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&file, mode).expect("a file has a mode");
    }

    fn variables(&self, place: &str) -> Vec<(&'static str, String)> {
        let folder = self.sandbox.path(place);
        let system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut variables = vec![
            ("HOME", folder.join("home").display().to_string()),
            ("PATH", format!("{}:{system}", folder.join("bin").display())),
            ("SHELL", "/bin/bash".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("NO_COLOR", "1".to_owned()),
        ];
        let java = std::env::var("JAVA_HOME").ok();
        variables.extend(java.map(|it| ("JAVA_HOME", it)));
        variables
    }

    fn shell(&mut self, place: Place) -> &mut Shell {
        self.shells.get_mut(&place).expect("both were started")
    }

    fn go(&mut self, step: &Step) {
        match step {
            Step::Configuration(text) => {
                let file = self.shell(Place::Gateway).folder.join("portcullis.toml");
                std::fs::write(file, text).expect("a file can be written");
            }
            Step::Script(place, script) => {
                let text = self.shell(*place).must(script);
                eprintln!("{place:?}:\n{script}---\n{text}");
            }
            Step::Told(place, command, lines) => {
                let is_error = |line: &String| line.to_lowercase().contains("error");
                let script = match lines.iter().any(is_error) {
                    true => format!("if {command}; then echo 'it did not fail'; exit 1; fi\n"),
                    false => format!("{command}\n"),
                };
                let text = self.shell(*place).must(&script);
                eprintln!("{command}\n{text}");
                for line in lines {
                    assert!(
                        says(&text, line),
                        "{command} does not say {line:?}:\n{text}"
                    );
                }
            }
        }
    }
}

/// Whether a line of `text` is `line`, in which `…` stands for anything.
fn says(text: &str, line: &str) -> bool {
    let parts: Vec<&str> = line.split('…').map(str::trim).collect();
    let is_it = |said: &str| {
        let mut rest = said;
        parts.iter().all(|part| match rest.split_once(part) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
    };
    text.lines().any(is_it)
}

#[test]
fn the_chapter_leads_from_an_empty_machine_to_a_refused_lookalike_and_back() {
    let steps = steps();
    assert!(steps.len() >= STEPS_MIN, "{steps:?}");
    let Some(mut machines) = Machines::empty() else {
        return;
    };
    let before = machines.shell(Place::Client).must(STATE);
    for step in &steps {
        machines.go(step);
    }
    // Back: the network, the machine's roots, the client's home.
    assert_eq!(machines.world.topology.gateway.ruleset(), "");
    let installed = "rm -rf node_modules lib package.json package-lock.json";
    machines.shell(Place::Client).must(installed);
    let after = machines.shell(Place::Client).must(STATE);
    let differences = [(&before, &after, "gone"), (&after, &before, "left behind")];
    for (these, those, what) in differences {
        let others: BTreeSet<&str> = those.lines().collect();
        let mut lines = these.lines().filter(|line| !others.contains(line));
        assert_eq!(lines.next(), None, "{what} on the client");
    }

    let squat = |path: &str| path.contains("typescirpt") || path.contains("reqeusts");
    for registry in machines.world.internet.registries() {
        assert_eq!(registry.count_where(squat), 0);
    }
    machines.world.nothing_else_was_asked();
    let refusals = steps.iter().filter(|step| match step {
        Step::Told(_, _, lines) => lines.iter().any(|line| line.contains("looks like")),
        _ => false,
    });
    assert!(
        refusals.count() >= 2,
        "no look-alike is refused in the chapter"
    );
}
