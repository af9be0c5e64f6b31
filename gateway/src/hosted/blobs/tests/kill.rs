//! What is left when the process is killed: another process publishes until it is.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use super::*;

/// Makes this test binary publish into a folder instead of testing.
const FOLDER: &str = "PORTCULLIS_TEST_BLOBS_KILLED_IN";
const ACKNOWLEDGED: &str = "acknowledged ";
const SIGKILL: i32 = 9;

#[test]
fn publishes_until_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let blobs = Blobs::open(Path::new(&folder)).unwrap();
    thread::scope(|scope| {
        for writer in 0..3 {
            let blobs = &blobs;
            scope.spawn(move || publish_forever(blobs, writer));
        }
    });
}

/// Two writers publish the same bodies, the third adopts spooled ones.
fn publish_forever(blobs: &Blobs, writer: u32) {
    for number in 0_u32.. {
        let seed = [u8::from(writer == 2), number as u8, (number >> 8) as u8];
        let body = seed.repeat(number as usize * 7919 % 100_000);
        let body = [&seed[..], &body].concat();
        let staged = if writer == 2 {
            let spooled = blobs.spool_folder().join("upload");
            fs::write(&spooled, &body).unwrap();
            blobs.adopt(&spooled).unwrap()
        } else {
            stage(blobs, &body).unwrap()
        };
        let blob = blobs.keep(&staged).unwrap();
        println!("{ACKNOWLEDGED}{}", blob.sha256);
    }
}

/// Runs the publisher, kills it after this many were acknowledged, and says which.
fn publish_and_kill(folder: &Path, after: usize, pause: Duration) -> Vec<String> {
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::publishes_until_killed");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The test runner's own words may stand before the first one.
    let mut names = lines.map_while(Result::ok).filter_map(|line| {
        let (_, name) = line.split_once(ACKNOWLEDGED)?;
        Some(name.to_owned())
    });
    let mut acknowledged: Vec<String> = names.by_ref().take(after).collect();
    thread::sleep(pause);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL));
    acknowledged.extend(names.filter(|name| name.len() == 64));
    acknowledged
}

#[test]
fn a_kill_leaves_whole_blobs_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 1..=8 {
        let pause = Duration::from_micros(700 * round);
        let acknowledged = publish_and_kill(folder.path(), 3 * round as usize, pause);
        assert!(acknowledged.len() >= 3 * round as usize);
        all.extend(acknowledged);

        let blobs = open_swept(|| Box::new(Real), folder.path());
        for listed in blobs.iter().unwrap() {
            let name = listed.unwrap().sha256;
            assert_eq!(blobs.verify(&name).unwrap(), Condition::Whole, "{name}");
        }
        for name in &all {
            assert!(blobs.open_blob(name).unwrap().is_some(), "{name}");
        }
    }
}
