//! The system's own store: a file among its anchors, and the program that takes it in.

use std::path::{Path, PathBuf};

use super::{Invocation, Scene, Step, Steps, TrustError, Write, bundle, recipes};

/// How one family of systems does it.
struct Family {
    /// What is there on such a system.
    sign: &'static str,
    /// Where anchors are put.
    folder: &'static str,
    /// Takes in what was added.
    update: &'static [&'static str],
    /// Takes out what was removed.
    fresh: &'static [&'static str],
}

/// In this order: SUSE and Fedora have folders that no other has; Alpine has Debian's.
const FAMILIES: [Family; 5] = [
    Family {
        sign: "etc/pki/ca-trust/source/anchors",
        folder: "etc/pki/ca-trust/source/anchors",
        update: &["update-ca-trust", "extract"],
        fresh: &["update-ca-trust", "extract"],
    },
    Family {
        sign: "etc/pki/trust/anchors",
        folder: "etc/pki/trust/anchors",
        update: &["update-ca-certificates"],
        fresh: &["update-ca-certificates"],
    },
    Family {
        sign: "etc/ca-certificates/trust-source/anchors",
        folder: "etc/ca-certificates/trust-source/anchors",
        update: &["update-ca-trust"],
        fresh: &["update-ca-trust"],
    },
    Family {
        sign: "etc/alpine-release",
        folder: "usr/local/share/ca-certificates",
        update: &["update-ca-certificates"],
        fresh: &["update-ca-certificates"],
    },
    Family {
        sign: "etc/ca-certificates.conf",
        folder: "usr/local/share/ca-certificates",
        update: &["update-ca-certificates"],
        // Without it, the links to what was removed stay.
        fresh: &["update-ca-certificates", "--fresh"],
    },
];

const JAVA_HOOK: &str = "etc/ca-certificates/update.d/jks-keystore";
/// The hook refuses a terminal as its input.
const JAVA_ANEW: &str = "/etc/ca-certificates/update.d/jks-keystore --fresh </dev/null";

pub(super) fn plan(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let family = family(scene)?;
    let file = anchor(family, scene);
    let text = bundle::combined(&[], &scene.authority);
    let program = family.update.join(" ");
    let certificate = scene.certificate();
    let as_root = format!(
        "sudo install -m 644 {} {} && sudo {program}",
        certificate.display(),
        file.display()
    );
    let before = recipes::text_of(&file)?;
    let is_there = before.as_deref() == Some(text.as_str());
    // Another certificate under the same name is no news to a plain update.
    let update = match before.is_some() && !is_there {
        true => family.fresh,
        false => family.update,
    };
    let is_trusted = bundle::of_system(scene.surroundings)
        .is_none_or(|file| bundle::holds(&file, &scene.authority).unwrap_or(false));
    let mut steps = vec![write(file, Some(text), as_root)];
    if !is_there || !is_trusted {
        steps.push(Step::Run(Invocation::new(update[0], &update[1..])));
    }
    Ok((steps, vec![java_note(scene)]))
}

pub(super) fn undo(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let family = family(scene)?;
    let file = anchor(family, scene);
    if !file.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    let as_root = format!(
        "sudo rm {} && sudo {}",
        file.display(),
        family.fresh.join(" ")
    );
    let run = Step::Run(Invocation::new(family.fresh[0], &family.fresh[1..]));
    let mut steps = vec![write(file, None, as_root), run];
    if scene.surroundings.root.join(JAVA_HOOK).exists() {
        // The update tells the hook what was added, not what is gone.
        steps.push(Step::Run(Invocation::new("sh", &["-c", JAVA_ANEW])));
    }
    Ok((steps, Vec::new()))
}

fn family(scene: &Scene<'_>) -> Result<&'static Family, TrustError> {
    let root = &scene.surroundings.root;
    let found = FAMILIES.iter().find(|it| root.join(it.sign).exists());
    found.ok_or_else(|| {
        let certificate = scene.certificate();
        let message = match root.join("Library/Keychains").is_dir() {
            true => format!(
                "macOS asks who is there: run sudo security add-trusted-cert -d -r trustRoot -k \
                 /Library/Keychains/System.keychain {}",
                certificate.display()
            ),
            false => format!(
                "this system's store of roots is not known; install the package \
                 ca-certificates, or add {} to it by hand",
                certificate.display()
            ),
        };
        TrustError::Roots(message)
    })
}

fn anchor(family: &Family, scene: &Scene<'_>) -> PathBuf {
    let folder: &Path = &scene.surroundings.root;
    folder.join(family.folder).join("portcullis.crt")
}

fn write(file: PathBuf, text: Option<String>, as_root: String) -> Step {
    let shown = match text {
        Some(_) => "(the gateway's authority)",
        None => "(removed)",
    };
    Step::Write(Write {
        file,
        text,
        shown: shown.to_owned(),
        is_public: true,
        as_root: Some(as_root),
    })
}

fn java_note(scene: &Scene<'_>) -> String {
    match scene.surroundings.root.join(JAVA_HOOK).exists() {
        true => "Java's own store follows the system's here (ca-certificates-java)".to_owned(),
        false => "node, uv and Java have roots of their own: portcullis doctor says which \
                  client still needs what"
            .to_owned(),
    }
}
