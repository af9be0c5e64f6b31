//! The authority's folder: written so that a power cut leaves a file whole or absent, read with an eye on who else may.
//!
//! Whoever changes the folder holds it alone (`flock` on the folder itself), whoever reads it holds it with others: a
//! reader never sees half a succession of another process.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::AuthorityError;
use super::certificate::Certificate;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Audience {
    /// The gateway's user.
    Owner,
    /// Everybody who gets into the folder.
    All,
}

/// The folder, locked as long as this lives.
pub(super) struct Folder {
    path: PathBuf,
    locked: File,
}

/// No file of ours is longer.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl Folder {
    /// To change, made if it is missing. Nobody else gets in.
    pub(super) fn create(path: &Path) -> Result<Self, AuthorityError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
            .and_then(|()| match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
                _ => Ok(()),
            })
            .map_err(|source| disk("making", path, source))?;
        Self::change(path)
    }

    /// To change.
    pub(super) fn change(path: &Path) -> Result<Self, AuthorityError> {
        Self::open(path, File::lock)
    }

    /// To read.
    pub(super) fn read(path: &Path) -> Result<Self, AuthorityError> {
        Self::open(path, File::lock_shared)
    }

    fn open(path: &Path, lock: fn(&File) -> io::Result<()>) -> Result<Self, AuthorityError> {
        let locked = match File::open(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(AuthorityError::Missing(path.to_owned()));
            }
            Err(source) => return Err(disk("opening", path, source)),
        };
        lock(&locked).map_err(|source| disk("locking", path, source))?;
        Ok(Self {
            path: path.to_owned(),
            locked,
        })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Also where it is a link to nowhere.
    pub(super) fn holds(&self, name: &str) -> bool {
        fs::symlink_metadata(self.file(name)).is_ok()
    }

    /// Puts a whole file in place; it is durable on return.
    pub(super) fn write(
        &self,
        name: &str,
        content: &str,
        audience: Audience,
    ) -> Result<(), AuthorityError> {
        let file = self.file(name);
        let arriving = self.file(&format!("{name}.arriving"));
        self.remove(&format!("{name}.arriving"))?;
        let attempt = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let mode = match audience {
                Audience::Owner => 0o600,
                Audience::All => 0o644,
            };
            // The mode is the file's from its first moment on; nothing is there that could be opened instead.
            let mut output = options
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&arriving)?;
            output.write_all(content.as_bytes())?;
            output.sync_all()?;
            fs::rename(&arriving, &file)?;
            self.locked.sync_all()
        };
        attempt().map_err(|source| disk("writing", &file, source))
    }

    /// Renames over what is there, for good; nothing if there is nothing.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), AuthorityError> {
        match fs::rename(self.file(from), self.file(to)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            renamed => renamed,
        }
        .and_then(|()| self.locked.sync_all())
        .map_err(|source| disk("replacing", &self.file(to), source))
    }

    /// Removes for good; nothing if there is nothing.
    pub(super) fn remove(&self, name: &str) -> Result<(), AuthorityError> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed,
        }
        .and_then(|()| self.locked.sync_all())
        .map_err(|source| disk("removing", &self.file(name), source))
    }

    /// A file's text.
    pub(super) fn text(&self, name: &str) -> Result<String, AuthorityError> {
        Ok(self.content(name)?.0)
    }

    /// An authority's certificate.
    pub(super) fn certificate(&self, name: &str) -> Result<Certificate, AuthorityError> {
        let file = self.file(name);
        let text = self.text(name)?;
        let der = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| unusable(&file, "it holds no certificate in PEM"))?;
        Certificate::read(der, file)
    }

    /// An authority's key, if it is its owner's alone. What is wrong with it is not told in detail: it is a secret.
    pub(super) fn key(&self, name: &str) -> Result<KeyPair, AuthorityError> {
        let file = self.file(name);
        let (text, mode) = self.content(name)?;
        if mode & 0o077 != 0 {
            let mode = mode & 0o777;
            return Err(AuthorityError::Shared { file, mode });
        }
        let refuse = || unusable(&file, "it holds no P-256 key in PEM (PKCS #8)");
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| refuse())?;
        KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256).map_err(|_| refuse())
    }

    fn content(&self, name: &str) -> Result<(String, u32), AuthorityError> {
        let file = self.file(name);
        let attempt = || -> io::Result<_> {
            let opened = File::open(&file)?;
            let mode = opened.metadata()?.permissions().mode();
            let mut content = String::new();
            opened.take(FILE_BYTES_MAX).read_to_string(&mut content)?;
            Ok((content, mode))
        };
        match attempt() {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(AuthorityError::Missing(file)),
            read => read.map_err(|source| disk("reading", &file, source)),
        }
    }
}

fn unusable(file: &Path, problem: &str) -> AuthorityError {
    AuthorityError::Unusable {
        file: file.to_owned(),
        problem: problem.to_owned(),
    }
}

fn disk(attempt: &'static str, file: &Path, source: io::Error) -> AuthorityError {
    AuthorityError::Disk {
        attempt,
        file: file.to_owned(),
        source,
    }
}
