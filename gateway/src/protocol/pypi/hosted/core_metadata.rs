//! Core metadata: the headers of `METADATA` and `PKG-INFO` that an index needs.
//!
//! Clients read these files with Python's email parser; a text that it could read otherwise than
//! this does, is refused.

use super::refused::{Refused, shown};
use super::specifier::{is_specifier_set, is_version};
use super::upload::{Upload, no_specifier};

/// What a distribution says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreMetadata {
    /// As it is spelled there.
    pub name: String,
    /// As it is spelled there.
    pub version: String,
    /// `Requires-Python`, if there is one.
    pub requires_python: Option<String>,
    /// The whole file: what is served as `.metadata` of a wheel (PEP 658).
    pub bytes: Vec<u8>,
}

/// The headers that are read; each may be there once.
#[derive(Default)]
struct Headers {
    metadata_version: Option<String>,
    name: Option<String>,
    version: Option<String>,
    requires_python: Option<String>,
}

impl CoreMetadata {
    /// Reads a file and checks it against the upload that it came in; `place` is what the file is
    /// called.
    pub(super) fn read(bytes: Vec<u8>, upload: &Upload, place: &str) -> Result<Self, Refused> {
        let bad = |why: &str| Refused::contradictory(format!("{place} {why}"));
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("is not UTF-8 text"))?;
        let headers = Headers::read(text).map_err(|why| bad(&why))?;
        let known = |version: &String| version.starts_with("1.") || version.starts_with("2.");
        if !headers.metadata_version.as_ref().is_some_and(known) {
            return Err(bad("has no Metadata-Version that is known (1.x or 2.x)"));
        }
        let name = headers.name.ok_or_else(|| bad("has no Name"))?;
        let version = headers.version.ok_or_else(|| bad("has no Version"))?;
        let ours = rules::PackageName::pypi(&name).is_ok_and(|name| name == upload.package);
        if !ours {
            let (name, package) = (shown(&name), shown(upload.package.name()));
            return Err(bad(&format!("is of {name}, and {package} was uploaded")));
        }
        if !is_version(&version) || !super::super::filename::same_version(&version, &upload.version)
        {
            let (version, stated) = (shown(&version), shown(&upload.version));
            return Err(bad(&format!(
                "is of version {version}, and {stated} was uploaded"
            )));
        }
        let requires_python = headers.requires_python.filter(|python| !python.is_empty());
        if let Some(python) = &requires_python
            && !is_specifier_set(python)
        {
            return Err(no_specifier("Requires-Python", python));
        }
        Ok(Self {
            name,
            version,
            requires_python,
            bytes,
        })
    }
}

impl Headers {
    /// The headers up to the first empty line, folded lines put together (RFC 822 section 3.1.1).
    fn read(text: &str) -> Result<Self, String> {
        let mut headers = Self::default();
        let mut open: Option<(&str, String)> = None;
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                break;
            }
            // Python ends a line at a lone CR as well.
            if line.contains(['\r', '\0']) {
                return Err("has a control character among its headers".to_string());
            }
            if line.starts_with([' ', '\t']) {
                let Some((_, value)) = &mut open else {
                    return Err("begins with a folded line".to_string());
                };
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            headers.put(open.take())?;
            let (name, value) = line
                .split_once(':')
                .filter(|(name, _)| is_field_name(name))
                .ok_or_else(|| format!("has the line {}, which is no header", shown(line)))?;
            open = Some((name, value.trim().to_string()));
        }
        headers.put(open)?;
        Ok(headers)
    }

    fn put(&mut self, header: Option<(&str, String)>) -> Result<(), String> {
        let Some((name, value)) = header else {
            return Ok(());
        };
        let place = match name.to_ascii_lowercase().as_str() {
            "metadata-version" => &mut self.metadata_version,
            "name" => &mut self.name,
            "version" => &mut self.version,
            "requires-python" => &mut self.requires_python,
            _ => return Ok(()),
        };
        if place.replace(value.trim().to_string()).is_some() {
            return Err(format!("has two headers {name}"));
        }
        Ok(())
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}
