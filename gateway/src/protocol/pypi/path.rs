//! The addresses below a PyPI repository: a request read into a target, and nothing else.
//!
//! `simple/`, `simple/{name}/` (PEP 503), `pypi/{name}(/{version})/json`, `files/…/{file}` with its
//! sidecars (PEP 658, `.asc`), and `integrity/{name}/{version}/{file}/provenance` (PEP 740).

use rules::PackageName;

use super::super::{
    ArtifactTarget, DocumentKind, IndexTarget, Rejection, Service, Sidecar, SimpleForm, Target,
};
use super::accept::negotiate;
use super::filename;
use crate::exchange::{Ask, Method};

/// What is asked for. The path decides first, so that a path that does not exist is 404 for every
/// method.
pub fn parse(ask: &Ask<'_>) -> Result<Target, Rejection> {
    let segments: Vec<&str> = ask.path.segments.iter().map(String::as_str).collect();
    if let Some(segment) = segments.iter().find(|segment| segment.contains('/')) {
        return Err(malformed(format!(
            "{segment:?} holds an encoded slash: PyPI has no such name"
        )));
    }
    let target = route(ask, &segments)?;
    match ask.method {
        Method::Get | Method::Head => Ok(target),
        _ => Err(Rejection::Method),
    }
}

fn route(ask: &Ask<'_>, segments: &[&str]) -> Result<Target, Rejection> {
    let slash = ask.path.trailing_slash;
    match *segments {
        ["simple"] if !slash => Ok(Target::Redirect("simple/".to_string())),
        ["simple"] => form(ask).map(|form| Target::Service(Service::Projects(form))),
        ["simple", name] => simple(ask, name),
        ["pypi", name, "json"] => project_json(name, None),
        ["pypi", name, version, "json"] => project_json(name, Some(version)),
        ["integrity", name, version, file, "provenance"] if !slash => {
            let sidecar = Some(Sidecar::Provenance);
            canonical(name, version, file, sidecar).map(Target::Artifact)
        }
        ["files", .., file] if !slash => files(segments, file).map(Target::Artifact),
        _ => Err(Rejection::Unknown),
    }
}

fn simple(ask: &Ask<'_>, name: &str) -> Result<Target, Rejection> {
    let package = project(name)?;
    if package.name() != name || !ask.path.trailing_slash {
        return Ok(Target::Redirect(format!("simple/{}/", package.name())));
    }
    let document = DocumentKind::Simple(form(ask)?);
    Ok(Target::Index(IndexTarget { package, document }))
}

fn project_json(name: &str, version: Option<&str>) -> Result<Target, Rejection> {
    let package = project(name)?;
    let version = version.map(legal_version).transpose()?;
    Ok(Target::Index(IndexTarget {
        package,
        document: DocumentKind::ProjectJson { version },
    }))
}

fn files(segments: &[&str], file: &str) -> Result<ArtifactTarget, Rejection> {
    let (file, sidecar) = split_sidecar(file);
    if let ["files", name, version, _] = *segments {
        return canonical(name, version, file, sidecar);
    }
    // Hash paths and the old layout carry no project that could be trusted: the file's name
    // decides.
    let (package, version) = filename::project_of(file).ok_or_else(|| {
        malformed(format!(
            "{file:?} does not say which version of which project it is"
        ))
    })?;
    Ok(ArtifactTarget {
        package,
        version,
        file: file.to_string(),
        sidecar,
    })
}

/// A file below its coordinate. The coordinate is what is judged, so the file must belong to it.
fn canonical(
    name: &str,
    version: &str,
    file: &str,
    sidecar: Option<Sidecar>,
) -> Result<ArtifactTarget, Rejection> {
    let package = project(name)?;
    let version = legal_version(version)?;
    let found = filename::version_of(&package, file)
        .ok_or_else(|| malformed(format!("{file:?} is not a distribution file of {name}")))?;
    if !filename::same_version(found, &version) {
        return Err(malformed(format!(
            "{file:?} is not a file of version {version}"
        )));
    }
    // The file's own spelling of the version: one file, one coordinate, whatever the client wrote.
    Ok(ArtifactTarget {
        package,
        version: found.to_string(),
        file: file.to_string(),
        sidecar,
    })
}

fn split_sidecar(file: &str) -> (&str, Option<Sidecar>) {
    if let Some(file) = file.strip_suffix(".metadata") {
        (file, Some(Sidecar::Metadata))
    } else if let Some(file) = file.strip_suffix(".asc") {
        (file, Some(Sidecar::Signature))
    } else {
        (file, None)
    }
}

fn project(name: &str) -> Result<PackageName, Rejection> {
    PackageName::pypi(name).map_err(|error| malformed(error.to_string()))
}

fn legal_version(version: &str) -> Result<String, Rejection> {
    if filename::is_version(version) {
        return Ok(version.to_string());
    }
    Err(malformed(format!("{version:?} is not a version")))
}

fn form(ask: &Ask<'_>) -> Result<SimpleForm, Rejection> {
    let format = ask.query.iter().find(|(key, _)| key == "format");
    negotiate(ask.accept, format.map(|(_, value)| value.as_str()))
}

fn malformed(text: String) -> Rejection {
    Rejection::Malformed(text)
}
