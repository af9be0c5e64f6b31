//! What an upload says of its file, checked against the file's name and bytes.
//!
//! The fields are those of the "legacy" upload API: whatever else of the core metadata stands among
//! them is repeated in the file, and the file is believed.

use rules::PackageName;
use serde_json::value::RawValue;

use super::super::filename;
use super::content::ContentDigests;
use super::form::Fields;
use super::refused::{Refused, shown};
use super::specifier::{is_specifier_set, is_version};

/// The kinds of files that are taken; eggs and installers are not (PEP 527).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filetype {
    /// `bdist_wheel`
    Wheel,
    /// `sdist` in `.tar.gz`
    SdistTar,
    /// `sdist` in `.zip`
    SdistZip,
}

/// An upload whose parts agree with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The project.
    pub package: PackageName,
    /// As the file's name spells it.
    pub version: String,
    /// The file's name: one path segment of plain letters.
    pub file: String,
    /// What kind of file it is, by its name and by the form.
    pub filetype: Filetype,
    /// As the form gives it. What the page says is taken from the file.
    pub requires_python: Option<String>,
    /// `gpg_signature`, in its armour.
    pub signature: Option<String>,
    /// `attestations`: a JSON array (PEP 740), not verified.
    pub attestations: Option<String>,
}

impl Upload {
    /// Checks a form that has arrived: its fields, the file's name, and the digests of its bytes.
    pub fn check(fields: &Fields, file: &str, digests: &ContentDigests) -> Result<Self, Refused> {
        let upload = Self::read(fields, file)?;
        check_digests(fields, digests)?;
        Ok(upload)
    }

    /// Checks everything but the digests: possible before the file's bytes, if its fields came
    /// first.
    pub fn read(fields: &Fields, file: &str) -> Result<Self, Refused> {
        let action = required(fields, ":action")?;
        if action != "file_upload" {
            let action = shown(action);
            return Err(Refused::malformed(format!(
                "{action} is no action: use file_upload"
            )));
        }
        let protocol = fields.one("protocol_version")?.unwrap_or("1");
        if protocol != "1" {
            let protocol = shown(protocol);
            return Err(Refused::malformed(format!(
                "protocol_version is {protocol}, not 1"
            )));
        }
        let package = PackageName::pypi(required(fields, "name")?)
            .map_err(|error| Refused::malformed(format!("field 'name': {error}")))?;
        let filetype = Filetype::of(required(fields, "filetype")?, file)?;
        let version = agreed_version(&package, required(fields, "version")?, file)?;
        let requires_python = fields.one("requires_python")?;
        if let Some(python) = requires_python
            && !is_specifier_set(python)
        {
            return Err(no_specifier("field 'requires_python'", python));
        }
        Ok(Self {
            package,
            version,
            file: file.to_string(),
            filetype,
            requires_python: requires_python.map(str::to_string),
            signature: signature(fields)?,
            attestations: attestations(fields)?,
        })
    }

    /// Whether a folder's name, `name-version`, is of this version of this project.
    pub(super) fn is_spelled(&self, stem: &str) -> bool {
        // A folder in an archive is named as the source distribution itself.
        let file = format!("{stem}.tar.gz");
        filename::version_of(&self.package, &file)
            .is_some_and(|version| filename::same_version(version, &self.version))
    }
}

impl Filetype {
    /// The kind that the form and the file's ending name, if it is one.
    fn of(stated: &str, file: &str) -> Result<Self, Refused> {
        let endings = [
            ("bdist_wheel", ".whl", Self::Wheel),
            ("sdist", ".tar.gz", Self::SdistTar),
            ("sdist", ".zip", Self::SdistZip),
        ];
        if !endings.iter().any(|(name, ..)| *name == stated) {
            let stated = shown(stated);
            return Err(Refused::unsupported(format!(
                "files of type {stated} are not taken: use bdist_wheel or sdist"
            )));
        }
        let found = endings
            .iter()
            .find(|(name, ending, _)| *name == stated && file.ends_with(ending));
        found.map(|(_, _, filetype)| *filetype).ok_or_else(|| {
            let file = shown(file);
            Refused::unsupported(format!(
                "{file} does not end as files of type {stated} do: use .whl, .tar.gz or .zip"
            ))
        })
    }
}

/// The sentence on a text that is no version specifier.
pub(super) fn no_specifier(place: &str, text: &str) -> Refused {
    let text = shown(text);
    Refused::contradictory(format!("{place} is {text}, which is no version specifier"))
}

fn required<'f>(fields: &'f Fields, name: &str) -> Result<&'f str, Refused> {
    let missing = || Refused::malformed(format!("field '{name}' is missing"));
    fields.one(name)?.ok_or_else(missing)
}

/// The version as the file's name spells it, which must be the one that the form states.
fn agreed_version(package: &PackageName, stated: &str, file: &str) -> Result<String, Refused> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+!".contains(&byte);
    if !file.bytes().all(plain) {
        let file = shown(file);
        return Err(Refused::malformed(format!(
            "{file} is no name of a distribution file"
        )));
    }
    if !is_version(stated) {
        let stated = shown(stated);
        return Err(Refused::malformed(format!(
            "field 'version' is {stated}, which is no version (PEP 440)"
        )));
    }
    let Some(version) = filename::version_of(package, file) else {
        let (file, name) = (shown(file), shown(package.name()));
        return Err(Refused::contradictory(format!(
            "{file} is no name of a file of project {name}"
        )));
    };
    if !filename::same_version(version, stated) {
        let (file, stated) = (shown(file), shown(stated));
        return Err(Refused::contradictory(format!(
            "{file} is no file of version {stated}"
        )));
    }
    Ok(version.to_string())
}

/// At least one digest must be stated, and every one must be right.
fn check_digests(fields: &Fields, digests: &ContentDigests) -> Result<(), Refused> {
    let known: [(&str, &[u8]); 3] = [
        ("sha256_digest", &digests.sha256),
        ("blake2_256_digest", &digests.blake2b_256),
        ("md5_digest", &digests.md5),
    ];
    let mut stated = 0;
    for (name, bytes) in known {
        let Some(text) = fields.one(name)? else {
            continue;
        };
        stated += 1;
        let computed: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if !text.eq_ignore_ascii_case(&computed) {
            return Err(Refused::malformed(format!(
                "field '{name}' is not the digest of the bytes that arrived"
            )));
        }
    }
    if stated == 0 {
        return Err(Refused::malformed(
            "the form states no digest: send sha256_digest",
        ));
    }
    Ok(())
}

fn signature(fields: &Fields) -> Result<Option<String>, Refused> {
    let Some(text) = fields.one("gpg_signature")? else {
        return Ok(None);
    };
    if !text
        .trim_start()
        .starts_with("-----BEGIN PGP SIGNATURE-----")
    {
        return Err(Refused::contradictory(
            "field 'gpg_signature' is no armoured signature",
        ));
    }
    Ok(Some(text.to_string()))
}

fn attestations(fields: &Fields) -> Result<Option<String>, Refused> {
    let Some(text) = fields.one("attestations")? else {
        return Ok(None);
    };
    if serde_json::from_str::<Vec<&RawValue>>(text).is_err() {
        return Err(Refused::contradictory(
            "field 'attestations' is no JSON array (PEP 740)",
        ));
    }
    Ok(Some(text.to_string()))
}
