//! Whether a client trusts the authority: the first of its rules that applies names its roots, and
//! certificates are compared byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use super::clients::{Found, Lookup, Roots, Tool};
use super::{Finding, Scene, State};
use crate::authority::trust::command::Invocation;
use crate::authority::trust::{bundle, java};

/// What a client's roots are.
enum Verdict {
    Holds(String),
    Lacks(String),
    Unusable(String),
}

/// The finding on trust.
pub(super) fn trust(tool: &Tool<'_>, scene: &Scene<'_>) -> Finding {
    let client = tool.client.name;
    let (state, text) = match verdict(tool, scene) {
        Verdict::Holds(source) => (State::Good, format!("trusts the authority ({source})")),
        Verdict::Lacks(source) => (State::Bad, format!("does not trust it: uses {source}")),
        Verdict::Unusable(what) => (State::Bad, what),
    };
    let strong = overruled(tool);
    let advice = (state == State::Bad).then(|| match strong {
        true => "portcullis authority trust shell, and open a new shell".to_owned(),
        false => format!("portcullis authority trust {client}"),
    });
    Finding {
        client,
        subject: "trust".to_owned(),
        state,
        text,
        advice,
    }
}

/// Whether a variable decides that `authority trust CLIENT` does not write.
fn overruled(tool: &Tool<'_>) -> bool {
    let variable = tool
        .roots()
        .take_while(|it| !matches!(it, Roots::Bundle(Lookup::Files(..))));
    let mut set = variable.filter_map(|it| match it {
        Roots::Bundle(lookup @ (Lookup::Variable(_) | Lookup::AnyCase(_))) => {
            lookup.read(tool.surroundings)
        }
        _ => None,
    });
    set.next().is_some()
}

fn verdict(tool: &Tool<'_>, scene: &Scene<'_>) -> Verdict {
    for roots in tool.roots() {
        if let Some(verdict) = by(roots, tool, scene) {
            return verdict;
        }
    }
    Verdict::Lacks("roots that are not known".to_owned())
}

/// What the rule says; nothing if it does not apply.
fn by(roots: &Roots, tool: &Tool<'_>, scene: &Scene<'_>) -> Option<Verdict> {
    let surroundings = scene.surroundings;
    match roots {
        Roots::Bundle(lookup) => Some(in_bundle(&lookup.read(surroundings)?, scene)),
        Roots::Extra(name) => {
            let file = PathBuf::from(surroundings.variable(name)?);
            // What can't be read is passed over by node, with a warning.
            let holds = bundle::holds(&file, &scene.authority).unwrap_or(false);
            holds.then(|| Verdict::Holds(format!("{name}: {}", file.display())))
        }
        Roots::Folders(name) => Some(in_folders(name, surroundings.variable(name)?, scene)),
        Roots::SystemIf(takes) => takes(tool).then(|| in_system(scene)),
        Roots::Java(variables, lookup) => Some(in_store(variables, lookup, scene)),
        Roots::BuiltIn(name) => Some(Verdict::Lacks((*name).to_owned())),
    }
}

fn in_bundle(found: &Found, scene: &Scene<'_>) -> Verdict {
    let file = match found.value.strip_prefix("~/") {
        Some(rest) => scene.surroundings.home.join(rest),
        None => PathBuf::from(&found.value),
    };
    // Some variables may name a folder of certificates as well.
    if file.is_dir() {
        return in_folders(&found.source, &found.value, scene);
    }
    let source = format!("{}: {}", found.source, file.display());
    match bundle::holds(&file, &scene.authority) {
        Ok(true) => Verdict::Holds(source),
        Ok(false) => Verdict::Lacks(source),
        Err(error) => Verdict::Unusable(format!("{source} can't be read: {error}")),
    }
}

fn in_folders(name: &str, folders: &str, scene: &Scene<'_>) -> Verdict {
    let mut files = std::env::split_paths(folders)
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path());
    let holds = |file: PathBuf| bundle::holds(&file, &scene.authority).unwrap_or(false);
    let source = format!("{name}: {folders}");
    match files.any(holds) {
        true => Verdict::Holds(source),
        false => Verdict::Lacks(source),
    }
}

/// The system's store, or what `SSL_CERT_FILE` names in its place (OpenSSL's rule).
fn in_system(scene: &Scene<'_>) -> Verdict {
    if let Some(found) = Lookup::Variable("SSL_CERT_FILE").read(scene.surroundings) {
        return in_bundle(&found, scene);
    }
    let Some(file) = bundle::of_system(scene.surroundings) else {
        return Verdict::Lacks("the system's store, which is not to be found".to_owned());
    };
    let source = format!("the system's store, {}", file.display());
    match bundle::holds(&file, &scene.authority) {
        Ok(true) => Verdict::Holds(source),
        _ => Verdict::Lacks(source),
    }
}

/// The JVM's store is read by the JDK's own keytool.
fn in_store(variables: &[&str], lookup: &Lookup, scene: &Scene<'_>) -> Verdict {
    // Java takes the last of two, and the file is read after the environment.
    let set = variables
        .iter()
        .filter_map(|name| scene.surroundings.variable(name));
    let mut options: Vec<String> = set.map(str::to_owned).collect();
    options.extend(lookup.read(scene.surroundings).map(|it| it.value));
    let options = options.join(" ");
    let named = java::property(&options, "javax.net.ssl.trustStore");
    let password = java::property(&options, "javax.net.ssl.trustStorePassword");
    let Some(file) = named
        .map(PathBuf::from)
        .or_else(|| java::of_jdk(scene.surroundings))
    else {
        return Verdict::Unusable("no JDK was found; set JAVA_HOME to one".to_owned());
    };
    listed(&file, password, scene)
}

fn listed(file: &Path, password: Option<String>, scene: &Scene<'_>) -> Verdict {
    let path = file.display().to_string();
    let arguments = [
        "-list",
        "-rfc",
        "-keystore",
        &path,
        "-storepass:env",
        "PORTCULLIS_STORE",
    ];
    let mut list = Invocation::new(&java::keytool(scene.surroundings), &arguments);
    let password = password.unwrap_or_else(|| "changeit".to_owned());
    list.variables = vec![("PORTCULLIS_STORE".to_owned(), password)];
    match (scene.run)(&list) {
        Ok(answer) if answer.success => {
            let found = bundle::certificates_in(answer.output.as_bytes());
            match found.contains(&scene.authority) {
                true => Verdict::Holds(path),
                false => Verdict::Lacks(format!("the trust store {path}")),
            }
        }
        _ => Verdict::Unusable(format!("keytool can't read the trust store {path}")),
    }
}
