//! Where the state database is: a file, or a PostgreSQL address that may hold a password.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::any::AnyConnectOptions;
use url::Url;

use super::StateError;
use super::database::Engine;

/// The database's file inside a data folder.
const FILENAME: &str = "state.db";

/// The keys that a PostgreSQL address may have behind its `?`. Others are refused here because the
/// driver would log them with their value, and a misspelt `password` is one.
const POSTGRES_KEYS: [&str; 14] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "ssl-root-cert",
    "statement-cache-capacity",
    "user",
];

/// Where the state database is. `Debug` and `Display` show no user, password or option.
#[derive(Clone, PartialEq, Eq)]
pub struct Location(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Postgres(Url),
}

impl Location {
    /// The default: `state.db` in the data folder, which is made if it is missing.
    pub fn in_folder(folder: &Path) -> Self {
        Self(Place::File(folder.join(FILENAME)))
    }

    /// Parses `sqlite:<path>` or `postgres://…`.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // `sqlite:///x` and `sqlite:/x` are one, as with other programs.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('?') || path == ":memory:" {
                return Err(wrong("use sqlite:<path of a file>"));
            }
            return Ok(Self(Place::File(path.into())));
        }
        let url = Url::parse(text).map_err(|_| wrong("use sqlite:<path> or postgres://…"))?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(wrong("use sqlite:<path> or postgres://…"));
        }
        for (key, _) in url.query_pairs() {
            if !POSTGRES_KEYS.contains(&key.as_ref()) {
                return Err(wrong(
                    "it has a key that is not known behind its question mark",
                ));
            }
        }
        Ok(Self(Place::Postgres(url)))
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }

    pub(super) const fn engine(&self) -> Engine {
        match self.0 {
            Place::File(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
        }
    }

    /// What the driver wants to know; makes the folder of a file.
    pub(super) fn options(&self) -> Result<AnyConnectOptions, StateError> {
        let url = match &self.0 {
            Place::File(path) => file_url(path)?,
            Place::Postgres(url) => url.clone(),
        };
        // The driver's own words could repeat a part of the address.
        let options =
            AnyConnectOptions::from_url(&url).map_err(|_| wrong("the driver refuses it"))?;
        Ok(options.disable_statement_logging())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => write!(formatter, "sqlite:{}", path.display()),
            Place::Postgres(url) => {
                let host = url.host_str().unwrap_or_default();
                let port = url
                    .port()
                    .map(|port| format!(":{port}"))
                    .unwrap_or_default();
                write!(formatter, "postgres://{host}{port}{}", url.path())
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Location({self})")
    }
}

fn wrong(problem: &str) -> StateError {
    StateError::Location(problem.to_owned())
}

/// The address of a file, whose folder is made if it is missing.
fn file_url(path: &Path) -> Result<Url, StateError> {
    let name = path.file_name().ok_or_else(|| wrong("it names no file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let unusable = |error: io::Error| {
        wrong(&format!(
            "cannot use the folder {}: {error}",
            folder.display()
        ))
    };
    make_folder(folder).map_err(unusable)?;
    let path = fs::canonicalize(folder).map_err(unusable)?.join(name);
    let path = path
        .to_str()
        .ok_or_else(|| wrong("the path is not UTF-8"))?;
    let mut text = String::from("sqlite:");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02x}")),
        }
    }
    text.push_str("?mode=rwc");
    Url::parse(&text).map_err(|_| wrong("the path is not representable"))
}

/// Makes a folder and those above it. Their names are on disk then: without that, a power cut
/// could take away the folder with all that was acknowledged in it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let is_missing = |folder: &&Path| !folder.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(&folder)?;
    for parent in missing.iter().rev().filter_map(|folder| folder.parent()) {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        let text = "postgres://anna:s3cret@db.test:5433/house?password=s3cret&user=anna";
        let location = Location::parse(text).unwrap();
        assert_eq!(format!("{location}"), "postgres://db.test:5433/house");
        for text in [
            "postgres://anna:s3cret@db.test:notaport/house",
            "postgres://anna@db.test/house?pasword=s3cret",
            "mysql://anna:s3cret@db.test/house",
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        assert!(!format!("{location:?}").contains("s3cret"));
    }

    #[test]
    fn files_are_named_in_several_ways() {
        let wanted = Location::in_folder(Path::new("/data"));
        for text in ["sqlite:/data/state.db", "sqlite:///data/state.db"] {
            assert_eq!(Location::parse(text).unwrap(), wanted);
        }
        for text in [
            "sqlite:",
            "sqlite::memory:",
            "sqlite:x?mode=memory",
            "state.db",
        ] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn odd_paths_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b%20#c");
        let url = file_url(&path.join("state.db")).unwrap();
        assert!(path.is_dir());
        assert!(
            url.as_str().ends_with("/a%20b%2520%23c/state.db?mode=rwc"),
            "{url}"
        );
    }
}
