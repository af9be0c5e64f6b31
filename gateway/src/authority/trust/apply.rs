//! Carrying out a plan. Nothing is written that is there already.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Invocation, Plan, Runner, Step, Store, TrustError, Write, java};
use crate::setup::replace;

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file was written.
    Written(PathBuf),
    /// It had everything already.
    Unchanged(PathBuf),
    /// It was removed.
    Removed(PathBuf),
    /// A program was run.
    Ran(String),
}

/// Carries out a plan. A step that fails ends it; running it again goes on from there.
pub fn apply(plan: &Plan, run: Runner<'_>) -> Result<Vec<Change>, TrustError> {
    let step = |step: &Step| match step {
        Step::Write(write) => put(write),
        Step::Store(store) => make(store, run),
        Step::Run(invocation) => succeed(invocation, run).map(|_| Change::Ran(invocation.shown())),
    };
    plan.steps.iter().map(step).collect()
}

fn put(write: &Write) -> Result<Change, TrustError> {
    let file = write.file.clone();
    let failed = |source: io::Error| match &write.as_root {
        Some(command) if source.kind() == io::ErrorKind::PermissionDenied => {
            TrustError::NeedsRoot {
                file: write.file.clone(),
                command: command.clone(),
            }
        }
        _ => TrustError::File {
            file: write.file.clone(),
            source,
        },
    };
    let Some(text) = &write.text else {
        fs::remove_file(&file).map_err(failed)?;
        return Ok(Change::Removed(file));
    };
    if fs::read(&file).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(Change::Unchanged(file));
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    replace(&file, text).map_err(failed)?;
    if write.is_public {
        open_to_others(&file).map_err(failed)?;
    }
    Ok(Change::Written(file))
}

fn open_to_others(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// What a store was made of is kept beside it: keytool makes another file of the same every time.
fn make(store: &Store, run: Runner<'_>) -> Result<Change, TrustError> {
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |source| TrustError::File { file, source }
    };
    let mut made_of = Sha256::new();
    for file in [&store.source, &store.authority] {
        made_of.update(Sha256::digest(fs::read(file).map_err(failed(file))?));
    }
    let sum: String = made_of
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mark = with_ending(&store.file, ".made");
    if store.file.is_file() && fs::read_to_string(&mark).is_ok_and(|made| made == sum) {
        return Ok(Change::Unchanged(store.file.clone()));
    }
    if let Some(folder) = store.file.parent() {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    let draft = with_ending(&store.file, &format!(".new-{}", std::process::id()));
    // keytool would add to one that was left over.
    let _ = fs::remove_file(&draft);
    let made = fill(store, &draft, run);
    if made.is_err() {
        let _ = fs::remove_file(&draft);
    }
    made?;
    open_to_others(&draft).map_err(failed(&draft))?;
    fs::rename(&draft, &store.file).map_err(failed(&store.file))?;
    replace(&mark, &sum).map_err(failed(&mark))?;
    Ok(Change::Written(store.file.clone()))
}

/// The roots of the source, then ours. The source's password goes by the environment: it may be
/// the user's own.
fn fill(store: &Store, draft: &Path, run: Runner<'_>) -> Result<(), TrustError> {
    let text = |path: &Path| path.display().to_string();
    let (source, draft, authority) = (text(&store.source), text(draft), text(&store.authority));
    let mut copy = Invocation::new(
        &store.keytool,
        &[
            "-importkeystore",
            "-noprompt",
            "-srckeystore",
            &source,
            "-srcstorepass:env",
            "PORTCULLIS_STORE",
            "-destkeystore",
            &draft,
            "-deststoretype",
            "PKCS12",
            "-deststorepass",
            java::PASSWORD,
        ],
    );
    let password = store.source_password.clone();
    copy.variables = vec![("PORTCULLIS_STORE".to_owned(), password)];
    succeed(&copy, run)?;
    let add = Invocation::new(
        &store.keytool,
        &[
            "-importcert",
            "-noprompt",
            "-alias",
            "portcullis-authority",
            "-file",
            &authority,
            "-keystore",
            &draft,
            "-storepass",
            java::PASSWORD,
        ],
    );
    succeed(&add, run)
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut path = file.to_owned().into_os_string();
    path.push(ending);
    PathBuf::from(path)
}

fn succeed(invocation: &Invocation, run: Runner<'_>) -> Result<(), TrustError> {
    let failed = |message: String| TrustError::Command {
        command: invocation.shown(),
        message,
    };
    let answer = run(invocation).map_err(|error| failed(error.to_string()))?;
    if answer.success {
        return Ok(());
    }
    let said = [answer.complaint, answer.output].join("\n");
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    Err(failed(
        line.unwrap_or("it failed and said nothing").to_owned(),
    ))
}
