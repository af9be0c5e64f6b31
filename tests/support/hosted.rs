//! Publishing as clients do, by the requests that they send, for tests in which no client runs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::gateway::House;
use super::http::{Reply, Request};
use super::packages;

/// A new token that may publish everything.
pub fn token(house: &House) -> String {
    let (config, data) = (
        house.config().display().to_string(),
        house.data().display().to_string(),
    );
    let fixed = ["token", "create", "tests", "--right", "publish"];
    let place = ["--config", &config, "--data", &data];
    let output = super::gateway::run(&[&fixed[..], &place].concat(), "");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn send(house: &House, request: Request, secret: &str, kind: &str, body: Vec<u8>) -> Reply {
    let request = request.header("Authorization", &format!("Bearer {secret}"));
    house.send(&request.body(kind, body))
}

/// `npm publish` to `public`, with a description.
pub fn npm(house: &House, secret: &str, name: &str, version: &str, description: &str) -> Reply {
    let tarball = packages::npm_tarball(name, version, 64);
    let leaf = packages::leaf(name);
    let document = json!({
        "_id": name, "name": name, "dist-tags": { "latest": version },
        "versions": { version: {
            "name": name, "version": version, "description": description,
            "dist": {
                "integrity": packages::sha512_sri(&tarball),
                "shasum": packages::sha1_hex(&tarball),
                "tarball": format!("http://registry.test/{name}/-/{leaf}-{version}.tgz"),
            },
        } },
        "_attachments": { format!("{name}-{version}.tgz"): {
            "content_type": "application/octet-stream",
            "data": STANDARD.encode(&tarball),
            "length": tarball.len(),
        } },
    });
    let target = format!("/npm/public/{}", name.replace('/', "%2f"));
    let body = document.to_string().into_bytes();
    send(
        house,
        Request::new("PUT", &target),
        secret,
        "application/json",
        body,
    )
}

/// `twine upload` of a wheel to `public`.
pub fn pypi(house: &House, secret: &str, project: &str, version: &str) -> Reply {
    let wheel = packages::wheel(project, version, 64);
    let fields = [
        (":action", "file_upload".to_owned()),
        ("protocol_version", "1".to_owned()),
        ("name", project.to_owned()),
        ("version", version.to_owned()),
        ("filetype", "bdist_wheel".to_owned()),
        ("pyversion", "py3".to_owned()),
        ("sha256_digest", packages::sha256_hex(&wheel)),
    ];
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let file = packages::wheel_name(project, version);
    let part = format!(
        "--x\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file}\"\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(&wheel);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let kind = "multipart/form-data; boundary=x";
    send(
        house,
        Request::new("POST", "/pypi/public/"),
        secret,
        kind,
        body,
    )
}

/// A `PUT` with these bytes.
pub fn put(house: &House, secret: &str, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    let request = Request::new("PUT", path);
    send(
        house,
        request,
        secret,
        "application/octet-stream",
        body.into(),
    )
}

/// What `mvn deploy` of 3.8 sends to `public`, in its order; the first refusal, or the answer to the metadata.
pub fn maven(
    house: &House,
    secret: &str,
    (group, artifact): (&str, &str),
    version: &str,
    jar: &[u8],
) -> Reply {
    let top = format!("/maven/public/{}/{artifact}", group.replace('.', "/"));
    let stem = format!("{top}/{version}/{artifact}-{version}");
    let pom = packages::pom(group, artifact, version, "jar");
    for (ending, bytes) in [("jar", jar), ("pom", pom.as_bytes())] {
        let reply = put(house, secret, &format!("{stem}.{ending}"), bytes);
        if reply.status >= 300 {
            return reply;
        }
        let sum = put(
            house,
            secret,
            &format!("{stem}.{ending}.sha1"),
            packages::sha1_hex(bytes),
        );
        assert!(sum.status < 300, "{}", sum.text());
    }
    let list = packages::maven_metadata(group, artifact, &[version]);
    put(house, secret, &format!("{top}/maven-metadata.xml"), list)
}
