//! A published version, checked: what the document says must be what the bytes are.

use rules::{Digest, DigestAlgorithm, PackageName};
use serde_json::{Map, Value};

use super::super::path;
use super::problem::Problem;
use super::provenance;
use super::publish::{Attachment, Upload};
use super::tag;
use super::tarball::Contents;

/// What the registry itself says of a version, so that nobody else may; and what tells of the
/// publisher's machine.
const FIELDS_DROPPED: [&str; 8] = [
    "_rev",
    "_npmUser",
    "_npmOperationalInternal",
    "_attachments",
    "_resolved",
    "_from",
    "_integrity",
    "_shasum",
];
/// The same of `dist`: addresses and signatures are the registry's.
const DIST_FIELDS_DROPPED: [&str; 4] = ["tarball", "signatures", "attestations", "npm-signature"];

/// The tarball's bytes, as they were decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many there are.
    pub length: u64,
    /// Their digests; SHA-1 and SHA-512 must be among them.
    pub digests: Vec<Digest>,
}

/// A version that may be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Legal by Semantic Versioning 2.0.0, without build metadata.
    pub version: String,
    /// As it was published, in the client's order, but without what the registry says itself.
    pub manifest: Map<String, Value>,
    /// The tags that are to point at it. Empty if the client named none.
    pub tags: Vec<String>,
    /// Who may read it, if the client said so.
    pub access: Option<Access>,
    /// Why nobody should use it, if it was published like that.
    pub deprecated: Option<String>,
    /// The tarball, and its provenance if there is one.
    pub files: Vec<PublishedFile>,
}

/// `npm publish --access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Those who were given access.
    Restricted,
}

/// A file to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// The conventional name, without the scope.
    pub name: String,
    /// The media type that the client states.
    pub content_type: Option<String>,
    /// Where its bytes are.
    pub body: FileBody,
}

/// The bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileBody {
    /// Those that went into the sink.
    Decoded(Decoded),
    /// These.
    Text(String),
}

impl Publication {
    /// Checks an upload for the package that the address names.
    pub fn check(upload: Upload, decoded: Decoded, package: &PackageName) -> Result<Self, Problem> {
        let Upload {
            mut document,
            attachments,
        } = upload;
        if attachments
            .iter()
            .all(|attachment| attachment.text.is_some())
        {
            return Err(Problem::malformed("_attachments holds no tarball"));
        }
        let name = package.to_string();
        for field in ["name", "_id"] {
            if field == "name" || document.contains_key(field) {
                same(document.get(field), field, &name)?;
            }
        }
        let access = access(document.get("access"))?;
        let (version, mut manifest) = only_version(&mut document, &name)?;
        let tags = tags(document.get("dist-tags"), &version)?;
        promised(&manifest, &decoded)?;
        let files = files(attachments, decoded, package, &version)?;
        let deprecated = match manifest.shift_remove("deprecated") {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        // Yarn has the readme beside the version, npm in it.
        if let (None, Some(readme)) = (manifest.get("readme"), document.shift_remove("readme")) {
            manifest.insert("readme".to_owned(), readme);
        }
        clean(&mut manifest);
        provenance::show(&mut manifest, &files, package, &version);
        Ok(Self {
            version,
            manifest,
            tags,
            access,
            deprecated,
            files,
        })
    }

    /// Whether the tarball's own `package.json` is of this package and version. The clients clean
    /// both before they publish (node-semver's `clean`), so they are cleaned here.
    pub fn agrees_with(&self, package: &PackageName, contents: &Contents) -> Result<(), Problem> {
        let name = package.to_string();
        if contents.name.trim() != name {
            return Err(Problem::contradictory(format!(
                "the tarball's package.json has name {:?}, not {name:?}",
                contents.name
            )));
        }
        let version = contents.version.trim().trim_start_matches(['=', 'v']);
        let version = version.split_once('+').map_or(version, |(kept, _)| kept);
        if version != self.version {
            return Err(Problem::contradictory(format!(
                "the tarball's package.json has version {:?}, not {:?}",
                contents.version, self.version
            )));
        }
        Ok(())
    }
}

fn access(value: Option<&Value>) -> Result<Option<Access>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text == "public" => Ok(Some(Access::Public)),
        Some(Value::String(text)) if text == "restricted" => Ok(Some(Access::Restricted)),
        Some(_) => Err(Problem::malformed(
            "field access is neither public nor restricted",
        )),
    }
}

/// Takes the one version out of the document.
fn only_version(
    document: &mut Map<String, Value>,
    name: &str,
) -> Result<(String, Map<String, Value>), Problem> {
    let Some(Value::Object(versions)) = document.shift_remove("versions") else {
        return Err(Problem::malformed("field versions is no object"));
    };
    let count = versions.len();
    let mut versions = versions.into_iter();
    let (Some((version, manifest)), None) = (versions.next(), versions.next()) else {
        return Err(Problem::malformed(format!(
            "field versions has {count} versions: publish one at a time"
        )));
    };
    if !path::is_version(&version) {
        return Err(Problem::malformed(format!(
            "{version:?} is not a version as Semantic Versioning 2.0.0 has them"
        )));
    }
    if version.contains('+') {
        return Err(Problem::malformed(format!(
            "version {version:?} has build metadata, which clients do not tell apart: leave it out"
        )));
    }
    let Value::Object(manifest) = manifest else {
        return Err(Problem::malformed("field versions holds no object"));
    };
    same(manifest.get("name"), "versions.name", name)?;
    same(manifest.get("version"), "versions.version", &version)?;
    if let Some(identity) = manifest.get("_id") {
        same(Some(identity), "versions._id", &format!("{name}@{version}"))?;
    }
    Ok((version, manifest))
}

fn same(value: Option<&Value>, field: &str, wanted: &str) -> Result<(), Problem> {
    match value {
        Some(Value::String(text)) if text == wanted => Ok(()),
        Some(Value::String(text)) => Err(Problem::malformed(format!(
            "field {field} is {text:?}, not {wanted:?}"
        ))),
        Some(_) => Err(Problem::malformed(format!("field {field} is no string"))),
        None => Err(Problem::malformed(format!("field {field} is missing"))),
    }
}

fn tags(value: Option<&Value>, version: &str) -> Result<Vec<String>, Problem> {
    let tags = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(tags)) => tags,
        Some(_) => return Err(Problem::malformed("field dist-tags is no object")),
    };
    let mut names = Vec::with_capacity(tags.len());
    for (name, target) in tags {
        tag::check(name)?;
        same(Some(target), &format!("dist-tags.{name}"), version)?;
        names.push(name.clone());
    }
    Ok(names)
}

/// What `dist` promises must be what came.
fn promised(manifest: &Map<String, Value>, decoded: &Decoded) -> Result<(), Problem> {
    let Some(Value::Object(dist)) = manifest.get("dist") else {
        return Err(Problem::malformed("field versions.dist is no object"));
    };
    let text = |field: &str| match dist.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Problem::malformed(format!(
            "field versions.dist.{field} is no string"
        ))),
    };
    let mut verified = false;
    if let Some(integrity) = text("integrity")? {
        let digests = Digest::from_sri(integrity);
        let known = digests
            .iter()
            .filter(|digest| decoded.digest(digest.algorithm).is_some());
        if digests.is_empty() {
            return Err(Problem::malformed(
                "field versions.dist.integrity is no subresource integrity",
            ));
        }
        for digest in known {
            decoded.is(digest, "integrity")?;
            verified = true;
        }
    }
    if let Some(shasum) = text("shasum")? {
        let digest = Digest::from_hex(DigestAlgorithm::Sha1, shasum).ok_or_else(|| {
            Problem::malformed("field versions.dist.shasum is not 40 hexadecimal digits")
        })?;
        decoded.is(&digest, "shasum")?;
        verified = true;
    }
    match verified {
        true => Ok(()),
        false => Err(Problem::malformed(
            "field versions.dist has neither a sha512 integrity nor a shasum",
        )),
    }
}

impl Decoded {
    fn digest(&self, algorithm: DigestAlgorithm) -> Option<&Digest> {
        self.digests
            .iter()
            .find(|digest| digest.algorithm == algorithm)
    }

    fn is(&self, promised: &Digest, field: &str) -> Result<(), Problem> {
        if self.digest(promised.algorithm) == Some(promised) {
            return Ok(());
        }
        Err(Problem::contradictory(format!(
            "the tarball's {} is not the one in versions.dist.{field}",
            promised.algorithm
        )))
    }
}

fn files(
    attachments: Vec<Attachment>,
    decoded: Decoded,
    package: &PackageName,
    version: &str,
) -> Result<Vec<PublishedFile>, Problem> {
    let mut files = Vec::with_capacity(2);
    let mut decoded = Some(decoded);
    for mut attachment in attachments {
        let file = match (attachment.text.take(), decoded.take()) {
            (Some(text), left) => {
                decoded = left;
                attached_bundle(attachment, text, package, version)?
            }
            (None, Some(bytes)) => tarball(attachment, bytes, package, version)?,
            (None, None) => return Err(Problem::malformed("_attachments holds two tarballs")),
        };
        if files
            .iter()
            .any(|other: &PublishedFile| other.name == file.name)
        {
            return Err(Problem::malformed(format!(
                "_attachments holds {:?} twice",
                file.name
            )));
        }
        files.push(file);
    }
    match decoded {
        None => Ok(files),
        Some(_) => Err(Problem::malformed("_attachments holds no tarball")),
    }
}

fn tarball(
    attachment: Attachment,
    decoded: Decoded,
    package: &PackageName,
    version: &str,
) -> Result<PublishedFile, Problem> {
    let name = path::file_name(package, version);
    named(&attachment.key, package, &name)?;
    let lengths = [attachment.stated_length, attachment.decoded_length];
    for length in lengths.into_iter().flatten() {
        if length != decoded.length {
            return Err(Problem::contradictory(format!(
                "the tarball has {} bytes, not {length} as _attachments says",
                decoded.length
            )));
        }
    }
    Ok(PublishedFile {
        name,
        content_type: attachment.content_type,
        body: FileBody::Decoded(decoded),
    })
}

/// The Sigstore bundle that `npm publish --provenance` makes; who signed it is not checked here.
fn attached_bundle(
    attachment: Attachment,
    text: String,
    package: &PackageName,
    version: &str,
) -> Result<PublishedFile, Problem> {
    let name = format!("{}-{version}.sigstore", package.name());
    named(&attachment.key, package, &name)?;
    // The client counts as JavaScript does.
    let lengths = [text.len() as u64, text.encode_utf16().count() as u64];
    let stated = attachment.stated_length;
    if stated.is_some_and(|stated| !lengths.contains(&stated)) {
        return Err(Problem::contradictory(
            "the provenance has another length than _attachments says",
        ));
    }
    if serde_json::from_str::<Map<String, Value>>(&text).is_err() {
        return Err(Problem::malformed("the provenance is no JSON object"));
    }
    Ok(PublishedFile {
        name,
        content_type: attachment.content_type,
        body: FileBody::Text(text),
    })
}

/// The clients put the scope in front of the file's name.
fn named(key: &str, package: &PackageName, file: &str) -> Result<(), Problem> {
    let leaf = match package.namespace() {
        "" => key,
        scope => key.strip_prefix(&format!("@{scope}/")).unwrap_or(key),
    };
    match leaf == file {
        true => Ok(()),
        false => Err(Problem::malformed(format!(
            "attachment {key:?} is not named {file:?}"
        ))),
    }
}

fn clean(manifest: &mut Map<String, Value>) {
    manifest.retain(|field, _| !FIELDS_DROPPED.contains(&field.as_str()));
    if let Some(Value::Object(dist)) = manifest.get_mut("dist") {
        dist.retain(|field, _| !DIST_FIELDS_DROPPED.contains(&field.as_str()));
    }
}
