//! Writing a plan: all files are merged first, then written, each by rename.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Edit, Form, Plan, SetupError, lines, servers, settings, uv};

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created(PathBuf),
    /// It was added to.
    Extended(PathBuf),
    /// It had everything already.
    Unchanged(PathBuf),
}

/// A merged file that is not yet written.
struct Ready<'a> {
    file: &'a Path,
    before: Option<String>,
    after: String,
    keeps_copy: bool,
    holds_token: bool,
}

/// Writes the plan's files. Nothing is written if one of them is in conflict with it.
pub fn apply(plan: &Plan) -> Result<Vec<Outcome>, SetupError> {
    let ready: Vec<Ready<'_>> = plan.edits.iter().map(merged).collect::<Result<_, _>>()?;
    ready.into_iter().map(write).collect()
}

fn merged(edit: &Edit) -> Result<Ready<'_>, SetupError> {
    let before = match fs::read_to_string(&edit.file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => {
            return Err(SetupError::File {
                file: edit.file.clone(),
                source,
            });
        }
    };
    let keeps_copy = matches!(
        edit.form,
        Form::MavenMirror { .. } | Form::MavenServer { .. }
    );
    let after = match &before {
        Some(text) if !text.trim().is_empty() => {
            joined(text, edit).map_err(|message| SetupError::Conflict {
                file: edit.file.clone(),
                message,
            })?
        }
        _ => edit.text_to_add.clone(),
    };
    Ok(Ready {
        file: &edit.file,
        before,
        after,
        keeps_copy,
        holds_token: edit.form.holds_token(),
    })
}

fn joined(text: &str, edit: &Edit) -> Result<String, String> {
    match &edit.form {
        Form::Lines(settings) => lines::merge(text, settings),
        Form::UvIndex { url } => uv::merge(text, &edit.text_to_add, url),
        Form::MavenMirror { url } => settings::merge(text, url),
        Form::Entries(entries) => entries.merge(text),
        Form::MavenServer { token } => servers::merge(text, token),
        Form::Whole if text == edit.text_to_add => Ok(text.to_owned()),
        Form::Whole => {
            Err("the file is there with another content; remove it and run this again".to_owned())
        }
    }
}

fn write(ready: Ready<'_>) -> Result<Outcome, SetupError> {
    let file = ready.file.to_owned();
    let failed = |source| SetupError::File {
        file: file.clone(),
        source,
    };
    // Before the token is in it: nobody else is to read the file for even a moment.
    if ready.holds_token && ready.before.is_some() {
        close_to_others(&file).map_err(failed)?;
    }
    match &ready.before {
        // A last line without its end is no reason to write.
        Some(before) if before.trim_end() == ready.after.trim_end() => Ok(Outcome::Unchanged(file)),
        Some(_) => {
            if ready.keeps_copy {
                let mut copy = file.clone().into_os_string();
                copy.push(".bak");
                fs::copy(&file, copy).map_err(failed)?;
            }
            replace(&file, &ready.after).map_err(failed)?;
            Ok(Outcome::Extended(file))
        }
        None => {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(failed)?;
            }
            replace(&file, &ready.after).map_err(failed)?;
            Ok(Outcome::Created(file))
        }
    }
}

/// Takes from group and others what they may do with the file. Its copy and its replacement have
/// the same permissions.
fn close_to_others(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(file)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(file, fs::Permissions::from_mode(mode & 0o700))?;
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Writes beside the file and renames. Links stay links, permissions stay what they are.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    replace_bytes(file, text.as_bytes())
}

/// As [`replace`].
pub fn replace_bytes(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut beside = target.clone().into_os_string();
    beside.push(format!(".portcullis-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_new(&beside, &target, bytes).and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(beside: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    // Clients' files may hold tokens, and a new one may be given one later.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut output = options.open(beside)?;
    output.write_all(bytes)?;
    if let Ok(metadata) = fs::metadata(target) {
        output.set_permissions(metadata.permissions())?;
    }
    output.sync_all()
}
