//! Programs that are run: the JDK's keytool, the system's update command, clients for their
//! version. One function type, so that tests can play the programs.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Surroundings;
use crate::config::discover::ask::find_program;

const DEADLINE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(10);
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// A name on the `PATH`, or a file.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables beside those of the surroundings; they may hold a password.
    pub variables: Vec<(String, String)>,
}

/// What the program said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Whether its exit status was 0.
    pub success: bool,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub complaint: String,
}

/// Runs a program.
pub type Runner<'a> = &'a (dyn Fn(&Invocation) -> io::Result<Answer> + Sync);

impl Invocation {
    /// A program and its arguments.
    pub fn new(program: &str, arguments: &[&str]) -> Self {
        Invocation {
            program: program.to_owned(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            variables: Vec::new(),
        }
    }

    /// As it is typed.
    pub fn shown(&self) -> String {
        let mut words = vec![self.program.as_str()];
        words.extend(self.arguments.iter().map(String::as_str));
        words.join(" ")
    }
}

/// Runs programs of this machine, with the surroundings' variables and a deadline.
pub fn of_machine(
    surroundings: &Surroundings,
) -> impl Fn(&Invocation) -> io::Result<Answer> + Sync + use<'_> {
    move |invocation| run(surroundings, invocation)
}

fn run(surroundings: &Surroundings, invocation: &Invocation) -> io::Result<Answer> {
    let program = program(surroundings, &invocation.program)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not installed"))?;
    let variables = &invocation.variables;
    let mut child = Command::new(program)
        .args(&invocation.arguments)
        .env_clear()
        .envs(&surroundings.env)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().map(drain);
    let complaint = child.stderr.take().map(drain);
    let success = wait(&mut child)?;
    let text = |reader: Option<thread::JoinHandle<String>>| {
        reader.and_then(|it| it.join().ok()).unwrap_or_default()
    };
    Ok(Answer {
        success,
        output: text(output),
        complaint: text(complaint),
    })
}

/// Programs of the system's keeper are not on every user's `PATH`.
fn program(surroundings: &Surroundings, name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let folders = ["usr/sbin", "sbin", "usr/bin", "bin"];
    find_program(surroundings, name).or_else(|| {
        let files = folders.map(|folder| surroundings.root.join(folder).join(name));
        files.into_iter().find(|file| file.is_file())
    })
}

fn drain(from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until an error is what there is.
        let _ = from.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child) -> io::Result<bool> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status.success()),
            None if Instant::now() < deadline => thread::sleep(PAUSE),
            None => {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end"));
            }
        }
    }
}
