//! The roots that a client uses today, and the combined bundle that stands in for them.

use std::path::{Path, PathBuf};

use super::{Scene, Step, TrustError, Write, bundle};

/// Where a client's roots come from today.
pub(super) enum Today {
    /// The file that its setting names.
    Named(PathBuf),
    /// Its own or the system's: what [`default_bundle`] finds stands in for them.
    Default,
    /// The same, and more roots beside them.
    DefaultAnd(PathBuf),
}

/// The combined bundle for a client, and the step that writes it. Clients that use the default
/// share one; who named a file of its own trusts no more than that file, and ours.
pub(super) fn bundle_for(
    owner: &str,
    today: &Today,
    scene: &Scene<'_>,
) -> Result<(PathBuf, Step), TrustError> {
    let mut sources = Vec::new();
    let name = match today {
        Today::Named(file) => {
            sources.push(roots_of(file)?);
            format!("bundle-{owner}.pem")
        }
        Today::Default => {
            sources.push(default_roots(scene)?);
            "bundle.pem".to_owned()
        }
        Today::DefaultAnd(more) => {
            sources.push(default_roots(scene)?);
            sources.push(roots_of(more)?);
            format!("bundle-{owner}.pem")
        }
    };
    let file = scene.own(&name);
    let text = bundle::combined(&sources, &scene.authority);
    let count = sources.iter().map(Vec::len).sum::<usize>();
    let write = Write {
        shown: format!("(the {count} roots in use today, and the gateway's authority)"),
        file: file.clone(),
        text: Some(text),
        is_public: true,
        as_root: None,
    };
    Ok((file, Step::Write(write)))
}

fn roots_of(file: &Path) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, TrustError> {
    let message = match bundle::certificates(file) {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "it holds no certificate".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(TrustError::Roots(format!(
        "{} is set as the bundle of roots, and can't be used: {message}; correct the setting",
        file.display()
    )))
}

/// `SSL_CERT_FILE`, the system's bundle, the roots that node has built in.
fn default_roots(
    scene: &Scene<'_>,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, TrustError> {
    let named = scene.foreign("SSL_CERT_FILE").map(PathBuf::from);
    if let Some(file) = named.or_else(|| bundle::of_system(scene.surroundings)) {
        return roots_of(&file);
    }
    let print = ["-p", "require('tls').rootCertificates.join('\\n')"];
    let answer = (scene.run)(&super::Invocation::new("node", &print));
    let found = answer.map(|it| bundle::certificates_in(it.output.as_bytes()));
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
        let message = "this machine has no bundle of roots; install the package \
                       ca-certificates, or name a bundle by SSL_CERT_FILE";
        TrustError::Roots(message.to_owned())
    })
}
