//! Publishing to any repository, by the requests that clients send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::coordinate::{Ecosystem, Package};
use crate::support::gateway::House;
use crate::support::hosted::put;
use crate::support::http::{Reply, Request};
use crate::support::packages;

/// What is published, and where.
pub struct Upload<'a> {
    pub repository: &'a str,
    pub package: &'a Package,
    pub version: &'a str,
    pub file: Vec<u8>,
    /// npm's tag.
    pub tag: &'a str,
    /// Whether Maven's metadata follows, which ends a deployment.
    pub announced: bool,
}

/// The answer to the publication: of several requests the first refusal, else the last answer.
pub fn send(house: &House, secret: &str, upload: &Upload<'_>) -> Reply {
    match upload.package.ecosystem {
        Ecosystem::Npm => npm(house, secret, upload),
        Ecosystem::Pypi => pypi(house, secret, upload),
        Ecosystem::Maven => maven(house, secret, upload),
    }
}

fn authorised(request: Request, secret: &str) -> Request {
    request.header("Authorization", &format!("Bearer {secret}"))
}

fn npm(house: &House, secret: &str, upload: &Upload<'_>) -> Reply {
    let (name, version, tarball) = (upload.package.npm(), upload.version, &upload.file);
    let path = packages::npm_tarball_path(&name, version);
    let document = json!({
        "_id": name, "name": name, "dist-tags": { upload.tag: version },
        "versions": { version: {
            "name": name, "version": version,
            "dist": {
                "integrity": packages::sha512_sri(tarball),
                "shasum": packages::sha1_hex(tarball),
                "tarball": format!("http://upstream.test{path}"),
            },
        } },
        "_attachments": { format!("{name}-{version}.tgz"): {
            "content_type": "application/octet-stream",
            "data": STANDARD.encode(tarball), "length": tarball.len(),
        } },
    });
    let target = format!("/npm/{}/{}", upload.repository, name.replace('/', "%2f"));
    let request = authorised(Request::new("PUT", &target), secret);
    house.send(&request.body("application/json", document.to_string()))
}

fn pypi(house: &House, secret: &str, upload: &Upload<'_>) -> Reply {
    let (name, version) = (&upload.package.name, upload.version);
    let mut body = Vec::new();
    for (field, value) in [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("name", name),
        ("version", version),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("sha256_digest", &packages::sha256_hex(&upload.file)),
    ] {
        let head = format!("Content-Disposition: form-data; name=\"{field}\"");
        body.extend_from_slice(format!("--x\r\n{head}\r\n\r\n{value}\r\n").as_bytes());
    }
    let file = packages::wheel_name(name, version);
    let head = format!("Content-Disposition: form-data; name=\"content\"; filename=\"{file}\"");
    body.extend_from_slice(format!("--x\r\n{head}\r\n\r\n").as_bytes());
    body.extend_from_slice(&upload.file);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let target = format!("/pypi/{}/", upload.repository);
    let request = authorised(Request::new("POST", &target), secret);
    house.send(&request.body("multipart/form-data; boundary=x", body))
}

fn maven(house: &House, secret: &str, upload: &Upload<'_>) -> Reply {
    let Package {
        namespace, name, ..
    } = upload.package;
    let version = upload.version;
    let jar = upload.package.file(upload.repository, version);
    let pom = packages::pom(namespace, name, version, "jar").into_bytes();
    let stem = jar.strip_suffix(".jar").unwrap_or_default();
    let mut last = None;
    for (path, bytes) in [(jar.clone(), &upload.file), (format!("{stem}.pom"), &pom)] {
        for (path, bytes) in [
            (path.clone(), bytes.clone()),
            (
                format!("{path}.sha1"),
                packages::sha1_hex(bytes).into_bytes(),
            ),
        ] {
            let reply = put(house, secret, &path, bytes);
            if reply.status >= 300 {
                return reply;
            }
            last = Some(reply);
        }
    }
    if !upload.announced {
        return last.expect("four files were sent");
    }
    let list = packages::maven_metadata(namespace, name, &[version]);
    put(
        house,
        secret,
        &upload.package.index(upload.repository),
        list,
    )
}
