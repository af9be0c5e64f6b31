//! Asking an installed client: a program found on the `PATH`, a deadline, a bounded answer.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Surroundings;

const DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 64 << 10;
const PAUSE: Duration = Duration::from_millis(10);

/// The program of that name on the `PATH`, links not yet followed.
pub(crate) fn find_program(surroundings: &Surroundings, name: &str) -> Option<PathBuf> {
    let path = surroundings.env.get("PATH")?;
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// What the program prints, without the variables in `without`; nothing if it fails or is late.
pub(super) fn ask(
    surroundings: &Surroundings,
    name: &str,
    arguments: &[&str],
    without: fn(&str) -> bool,
) -> Option<String> {
    let program = find_program(surroundings, name)?;
    let environment = surroundings.env.iter().filter(|(name, _)| !without(name));
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        // Not where the gateway was started: a project's own settings are not the machine's.
        .current_dir(&surroundings.root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let answer = answer_of(&mut child, Instant::now() + DEADLINE);
    if answer.is_none() {
        // It may have ended by itself meanwhile; either way nothing is left of it.
        let _ = child.kill();
        let _ = child.wait();
    }
    answer
}

/// Reads on a thread of its own: a grandchild that keeps the pipe open must not hold us.
fn answer_of(child: &mut Child, deadline: Instant) -> Option<String> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.take(ANSWER_BYTES_MAX).read_to_string(&mut text);
        let _ = sender.send(read.map(|_| text));
    });
    let left = deadline.saturating_duration_since(Instant::now());
    let text = receiver.recv_timeout(left).ok()?.ok()?;
    loop {
        match child.try_wait().ok()? {
            Some(status) => return status.success().then_some(text),
            None if Instant::now() < deadline => std::thread::sleep(PAUSE),
            None => return None,
        }
    }
}
