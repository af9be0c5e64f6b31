//! Names of packages, parsed once into a form that cannot be wrong.
//!
//! A [`PackageName`] is the one spelling the house uses for a package: in cache keys, in decisions,
//! in addresses. It says nothing of whether such a package exists.

mod generic;
mod maven;
mod npm;
mod pypi;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

pub(crate) use pypi::normal_form as pypi_normal_form;

/// The longest namespace or name, in bytes.
pub const COMPONENT_BYTES_MAX: usize = 255;

/// A family of registries that share names, documents and clients. The order is part of what is
/// kept on disk: a new one comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// JavaScript packages.
    Npm,
    /// Python packages.
    Pypi,
    /// Java packages in the Maven layout.
    Maven,
    /// Files of any kind, which only the house publishes: there is no public registry of them.
    Generic,
}

/// A valid package name of one ecosystem, in normal form.
///
/// Cloning is cheap. `Display` is the spelling that clients use: `@scope/name`, `name`,
/// `group:artifact`, `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName {
    ecosystem: Ecosystem,
    /// `namespace/name`; neither part can hold a slash.
    text: Arc<str>,
    slash: usize,
}

/// Why a text is not a package name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

impl Ecosystem {
    /// Every ecosystem, in order.
    pub const ALL: [Self; 4] = [Self::Npm, Self::Pypi, Self::Maven, Self::Generic];

    /// Those that have public registries, in order: a repository can be connected to one, names
    /// can imitate popular ones, advisories speak of versions.
    pub const PROXIED: [Self; 3] = [Self::Npm, Self::Pypi, Self::Maven];

    /// Whether there are public registries of it.
    pub const fn is_proxied(self) -> bool {
        !matches!(self, Self::Generic)
    }

    /// The word that stands for the ecosystem in paths, patterns and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Ecosystem {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL
            .into_iter()
            .find(|ecosystem| ecosystem.as_str() == text)
            .ok_or_else(|| {
                NameError::new(format!(
                    "unknown ecosystem {text:?}: use npm, pypi, maven or generic"
                ))
            })
    }
}

impl PackageName {
    /// Parses `name` or `@scope/name` by the rules of `validate-npm-package-name`, case kept.
    ///
    /// Names that begin with `.` or `_` are refused, old ones too: they collide with the
    /// registry's own routes.
    pub fn npm(text: &str) -> Result<Self, NameError> {
        npm::parse(text).map(|(scope, name)| Self::new(Ecosystem::Npm, scope, name))
    }

    /// Parses a project name by the core metadata specification and normalises it (PEP 503).
    pub fn pypi(text: &str) -> Result<Self, NameError> {
        pypi::parse(text).map(|name| Self::new(Ecosystem::Pypi, "", &name))
    }

    /// Parses the two parts of a Maven coordinate; both become folders of the layout.
    pub fn maven(group: &str, artifact: &str) -> Result<Self, NameError> {
        maven::check(group, artifact)?;
        Ok(Self::new(Ecosystem::Maven, group, artifact))
    }

    /// Parses the two parts of a generic name, case kept; both become segments of addresses.
    pub fn generic(namespace: &str, name: &str) -> Result<Self, NameError> {
        generic::check(namespace, name)?;
        Ok(Self::new(Ecosystem::Generic, namespace, name))
    }

    /// Parses the client's spelling: `@scope/name`, `name`, `group:artifact`, `namespace/name`.
    pub fn parse(ecosystem: Ecosystem, text: &str) -> Result<Self, NameError> {
        match ecosystem {
            Ecosystem::Npm => Self::npm(text),
            Ecosystem::Pypi => Self::pypi(text),
            Ecosystem::Maven => match text.split_once(':') {
                Some((group, artifact)) => Self::maven(group, artifact),
                None => Err(NameError::new(format!("{text:?} is not group:artifact"))),
            },
            Ecosystem::Generic => {
                generic::split(text).and_then(|(namespace, name)| Self::generic(namespace, name))
            }
        }
    }

    fn new(ecosystem: Ecosystem, namespace: &str, name: &str) -> Self {
        let text = format!("{namespace}/{name}").into();
        Self {
            ecosystem,
            text,
            slash: namespace.len(),
        }
    }

    /// The ecosystem the name belongs to.
    pub const fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// The scope without `@`, the group id, the namespace, or nothing.
    pub fn namespace(&self) -> &str {
        &self.text[..self.slash]
    }

    /// The name without its namespace.
    pub fn name(&self) -> &str {
        &self.text[self.slash + 1..]
    }

    /// Namespace and name with a slash between, as patterns see them.
    pub(crate) fn coordinate(&self) -> &str {
        &self.text
    }

    /// The path that patterns speak of: `/npm/scope/name`, `/npm//name`, `/maven/group/artifact`.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.ecosystem, self.text)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ecosystem, self.namespace()) {
            (Ecosystem::Maven, group) => write!(formatter, "{group}:{}", self.name()),
            (Ecosystem::Generic, _) => formatter.write_str(&self.text),
            (_, "") => formatter.write_str(self.name()),
            (_, scope) => write!(formatter, "@{scope}/{}", self.name()),
        }
    }
}

impl Serialize for PackageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses the path form of a name, as [`PackageName::path`] writes it.
pub fn parse_path(path: &str) -> Result<PackageName, NameError> {
    let wrong = || {
        NameError::new(format!(
            "{path:?} is not /ecosystem/namespace/name, for example /npm//react"
        ))
    };
    let rest = path.strip_prefix('/').ok_or_else(wrong)?;
    let (ecosystem, rest) = rest.split_once('/').ok_or_else(wrong)?;
    let ecosystem = ecosystem.parse()?;
    let (namespace, name) = rest.split_once('/').ok_or_else(wrong)?;
    if namespace.starts_with('@') {
        return Err(NameError::new(format!(
            "{path:?} has an @: write the scope without it"
        )));
    }
    match (ecosystem, namespace) {
        (Ecosystem::Npm, "") if name.contains('/') => Err(wrong()),
        (Ecosystem::Npm, "") => PackageName::npm(name),
        (Ecosystem::Npm, scope) => PackageName::npm(&format!("@{scope}/{name}")),
        (Ecosystem::Pypi, "") => PackageName::pypi(name),
        (Ecosystem::Pypi, _) => Err(NameError::new(format!(
            "{path:?} has a namespace: PyPI has none, use /pypi//name"
        ))),
        (Ecosystem::Maven, group) => PackageName::maven(group, name),
        (Ecosystem::Generic, namespace) => PackageName::generic(namespace, name),
    }
}

impl NameError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Refuses a component that is empty or too long.
fn check_length(what: &str, text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::new(format!("the {what} is empty")));
    }
    if text.len() > COMPONENT_BYTES_MAX {
        return Err(NameError::new(format!(
            "the {what} has {} bytes, more than {COMPONENT_BYTES_MAX}",
            text.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn npm_names_keep_their_case() {
        let name = PackageName::npm("@Scope/Some.Name").unwrap();
        assert_eq!((name.namespace(), name.name()), ("Scope", "Some.Name"));
        assert_eq!(name.to_string(), "@Scope/Some.Name");
        assert_eq!(name.path(), "/npm/Scope/Some.Name");
        assert_eq!(PackageName::npm("-").unwrap().path(), "/npm//-");
    }

    #[test]
    fn npm_refuses_what_the_registry_refuses() {
        let long = "a".repeat(215);
        for text in [
            "",
            "@",
            "@a",
            "@/b",
            "@a/",
            "a/b",
            "@a/b/c",
            ".a",
            "_a",
            "@a/.b",
            "@a/_b",
            "@./b",
            "@../b",
            "node_modules",
            "Favicon.ico",
            "__proto__",
            "@a/__proto__",
            "a b",
            "a%2fb",
            "p\u{430}ypal",
            "a\\b",
            "a?b",
            "a#b",
            "a:b",
            "a@b",
            "a\0",
            &long,
        ] {
            assert!(PackageName::npm(text).is_err(), "{text:?}");
        }
        assert!(PackageName::npm(&long[..214]).is_ok());
    }

    #[test]
    fn pypi_names_are_normalised() {
        assert_eq!(PackageName::pypi("My_.-Pkg").unwrap().to_string(), "my-pkg");
        for text in ["", "-a", "a-", "a b", "a/b", ".", "\u{e9}t\u{e9}"] {
            assert!(PackageName::pypi(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn maven_parts_are_safe_folders() {
        let name = PackageName::parse(Ecosystem::Maven, "org.x:y").unwrap();
        assert_eq!(name.path(), "/maven/org.x/y");
        assert_eq!(name.to_string(), "org.x:y");
        for (group, artifact) in [
            ("", "a"),
            ("a..b", "c"),
            (".a", "b"),
            ("a.", "b"),
            ("a", ".."),
            ("a/b", "c"),
            ("a", ""),
        ] {
            assert!(
                PackageName::maven(group, artifact).is_err(),
                "{group:?} {artifact:?}"
            );
        }
        assert!(PackageName::parse(Ecosystem::Maven, "a:b:c").is_err());
    }

    #[test]
    fn generic_names_are_segments_compared_exactly() {
        let name = PackageName::parse(Ecosystem::Generic, "My.Tools/libstdc++").unwrap();
        assert_eq!((name.namespace(), name.name()), ("My.Tools", "libstdc++"));
        assert_eq!(name.to_string(), "My.Tools/libstdc++");
        assert_eq!(name.path(), "/generic/My.Tools/libstdc++");
        assert_ne!(name, PackageName::generic("my.tools", "libstdc++").unwrap());
        let long = "a".repeat(COMPONENT_BYTES_MAX + 1);
        for bad in [
            "", ".", "..", "a/b", "a\\b", "a#b", "a b", "a\tb", "a\0", "@a", "a%2fb", "a?b", "a:b",
            "\u{e9}", &long,
        ] {
            assert!(PackageName::generic(bad, "n").is_err(), "{bad:?}");
            assert!(PackageName::generic("n", bad).is_err(), "{bad:?}");
        }
        for good in [&long[1..], "...", "-", "_", ".hidden", "a~1", "0"] {
            assert!(PackageName::generic(good, good).is_ok(), "{good:?}");
        }
        for bad in ["a", "/a", "a/", "a/b/c"] {
            assert!(
                PackageName::parse(Ecosystem::Generic, bad).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn words_of_ecosystems_are_read_back() {
        for ecosystem in Ecosystem::ALL {
            assert_eq!(ecosystem.as_str().parse(), Ok(ecosystem));
            let json = serde_json::to_value(ecosystem).unwrap();
            assert_eq!(json, ecosystem.as_str());
            let read: Ecosystem = serde_json::from_value(json).unwrap();
            assert_eq!(read, ecosystem);
            assert_eq!(
                ecosystem.is_proxied(),
                Ecosystem::PROXIED.contains(&ecosystem)
            );
        }
        assert_eq!(Ecosystem::ALL[..3], Ecosystem::PROXIED);
    }

    #[test]
    fn paths_are_read_back() {
        for path in [
            "/npm//left-pad",
            "/npm/types/node",
            "/pypi//six",
            "/maven/org.x/y",
            "/generic/tools/Installer_1",
        ] {
            assert_eq!(parse_path(path).unwrap().path(), path);
        }
        for path in [
            "",
            "npm//x",
            "/npm/x",
            "/npm/@a/b",
            "/npm//@a/b",
            "/pypi/a/b",
            "/maven//b",
            "/generic//b",
            "/generic/a",
            "/generic/a/b/c",
            "/generic/../b",
            "/gem//x",
        ] {
            assert!(parse_path(path).is_err(), "{path:?}");
        }
    }
}
