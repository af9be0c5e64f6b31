//! Maven and Gradle: a trust store of their own, made by the JDK's keytool from the store in use
//! today, since `javax.net.ssl.trustStore` replaces it (JSSE Reference Guide).

use std::path::PathBuf;

use super::marks::{self, Addition, Dialect, Line};
use super::recipes::{marked, text_of};
use super::{Scene, Step, Steps, Store, TrustError, places};
use crate::config::Surroundings;
use crate::config::discover::ask::find_program;

/// What the JDK's own store is opened with, and ours: it keeps nothing secret.
pub(super) const PASSWORD: &str = "changeit";

const STORE: &str = "javax.net.ssl.trustStore";
const STORE_PASSWORD: &str = "javax.net.ssl.trustStorePassword";

/// A line in `~/.mavenrc`, which `mvn` and `mvnw` read before they start Java.
pub(super) fn maven(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let file = scene.surroundings.home.join(".mavenrc");
    let text = text_of(&file)?.and_then(|text| marks::unmark(&text, "maven"));
    let options = scene.surroundings.variable("MAVEN_OPTS").unwrap_or("");
    // Java takes the last of two, and `mvn` adds nothing of its own behind them.
    let before = format!("{options} {}", text.unwrap_or_default());
    let store = store("maven", |name| property(&before, name), scene)?;
    let path = store.file.display().to_string();
    if path.contains(char::is_whitespace) {
        return Err(TrustError::Path {
            path: store.file,
            what: "MAVEN_OPTS",
        });
    }
    let addition = Addition {
        owner: "maven",
        dialect: Dialect::Shell,
        remarks: Vec::new(),
        lines: vec![Line {
            section: None,
            key: "MAVEN_OPTS",
            value: format!(
                "$MAVEN_OPTS -D{STORE}={path} -D{STORE}Type=PKCS12 -D{STORE_PASSWORD}={PASSWORD}"
            ),
        }],
    };
    let mut notes = Vec::new();
    if scene.surroundings.variable("MAVEN_SKIP_RC").is_some() {
        notes.push("MAVEN_SKIP_RC is set: mvn does not read ~/.mavenrc; unset it".to_owned());
    }
    Ok((vec![Step::Store(store), marked(file, &addition)?], notes))
}

/// `systemProp.*` in the user's `gradle.properties` (Gradle's guide to its build environment).
pub(super) fn gradle(scene: &Scene<'_>) -> Result<Steps, TrustError> {
    let file = places::gradle(scene.surroundings).swap_remove(0);
    let text = text_of(&file)?
        .and_then(|text| marks::unmark(&text, "gradle"))
        .unwrap_or_default();
    let set = |name: &str| {
        marks::value_of(
            &text,
            Dialect::Properties,
            None,
            &format!("systemProp.{name}"),
        )
    };
    let store = store("gradle", set, scene)?;
    let line = |key, value: &str| Line {
        section: None,
        key,
        value: value.to_owned(),
    };
    let addition = Addition {
        owner: "gradle",
        dialect: Dialect::Properties,
        remarks: Vec::new(),
        lines: vec![
            line(
                "systemProp.javax.net.ssl.trustStore",
                &store.file.display().to_string(),
            ),
            line("systemProp.javax.net.ssl.trustStoreType", "PKCS12"),
            line("systemProp.javax.net.ssl.trustStorePassword", PASSWORD),
        ],
    };
    let note = "a running daemon has the former store: gradle --stop";
    Ok((
        vec![Step::Store(store), marked(file, &addition)?],
        vec![note.to_owned()],
    ))
}

/// `-Dname=value` among a JVM's options; the last one counts.
pub fn property(options: &str, name: &str) -> Option<String> {
    let words = options.split(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let value = |word: &str| {
        let rest = word.strip_prefix("-D")?.strip_prefix(name)?;
        rest.strip_prefix('=').map(str::to_owned)
    };
    words.rev().find_map(value)
}

fn store(
    owner: &str,
    set: impl Fn(&str) -> Option<String>,
    scene: &Scene<'_>,
) -> Result<Store, TrustError> {
    let named = set(STORE).filter(|file| !scene.is_own(file));
    let password = match named {
        Some(_) => set(STORE_PASSWORD),
        None => None,
    };
    let name = match named {
        Some(_) => format!("trust-{owner}.p12"),
        None => "trust.p12".to_owned(),
    };
    let source = named
        .map(PathBuf::from)
        .or_else(|| of_jdk(scene.surroundings));
    let source = source.ok_or_else(|| {
        let message = "no JDK was found; set JAVA_HOME to one";
        TrustError::Roots(message.to_owned())
    })?;
    Ok(Store {
        file: scene.own(&name),
        source,
        source_password: password.unwrap_or_else(|| PASSWORD.to_owned()),
        authority: scene.certificate(),
        keytool: keytool(scene.surroundings),
    })
}

/// The store that the JVM takes by itself: `jssecacerts` before `cacerts`.
pub fn of_jdk(surroundings: &Surroundings) -> Option<PathBuf> {
    let named = surroundings.variable("JAVA_HOME").map(PathBuf::from);
    let found = || {
        let java = find_program(surroundings, "java")?.canonicalize().ok()?;
        Some(java.parent()?.parent()?.to_owned())
    };
    let home = named.or_else(found)?;
    let folders = ["lib/security", "jre/lib/security"];
    let files = folders
        .iter()
        .flat_map(|folder| ["jssecacerts", "cacerts"].map(|name| home.join(folder).join(name)));
    files.into_iter().find(|file| file.is_file())
}

/// That of the JDK in use, else the one on the `PATH`.
pub fn keytool(surroundings: &Surroundings) -> String {
    let own = surroundings
        .variable("JAVA_HOME")
        .map(|home| PathBuf::from(home).join("bin/keytool"));
    own.filter(|file| file.is_file())
        .map_or_else(|| "keytool".to_owned(), |file| file.display().to_string())
}
