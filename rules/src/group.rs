//! Package groups as an operator writes them.

use std::fmt;
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::age::Age;
use crate::decision::Control;
use crate::moment;

/// One `[[group]]` of the configuration. A control left out is inherited from the nearest
/// ancestor that sets it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Which packages the group speaks of; see [`Pattern`](crate::Pattern).
    pub pattern: String,
    /// Whether clients may publish new versions, judged at the repository published to.
    #[serde(default, deserialize_with = "publish_mode")]
    pub publish: Option<ModeSpec>,
    /// Whether versions may be retained from other repositories, judged at the one asked.
    #[serde(default, deserialize_with = "internal_mode")]
    pub internal: Option<ModeSpec>,
    /// Whether versions may be ingested from a public registry, judged at the repository that
    /// holds the connection.
    #[serde(default, deserialize_with = "external_mode")]
    pub external: Option<ModeSpec>,
    /// What becomes of names that imitate a popular name or one of the house.
    #[serde(default)]
    pub lookalike: Option<Action>,
    /// What becomes of versions that an advisory calls malicious.
    #[serde(default)]
    pub malware: Option<Action>,
    /// Versions with a known vulnerability of this score (CVSS, 0 to 10) or above are denied.
    #[serde(default)]
    pub vulnerability_deny: Option<f32>,
    /// The same, warned of.
    #[serde(default)]
    pub vulnerability_warn: Option<f32>,
    /// Versions younger than this are held.
    #[serde(default)]
    pub min_age: Option<Age>,
    /// The same for versions that an advisory names as its fix.
    #[serde(default)]
    pub min_age_fix: Option<Age>,
    /// What becomes of versions without a trustworthy date, where an age is asked for.
    #[serde(default)]
    pub unknown_age: Option<UnknownAge>,
    /// Controls that do not count here, until `until`.
    #[serde(default)]
    pub exempt: Option<Vec<Control>>,
    /// When the exemption ends: the last day, or a moment.
    #[serde(default)]
    pub until: Option<Until>,
    /// Why there is an exemption.
    #[serde(default)]
    pub reason: Option<String>,
    /// Controls that are judged, logged and counted here, but not enforced. Like every control the
    /// list is inherited whole; `[]` enforces everything again.
    ///
    /// `external` in it means what it says for names of the house too: where a group claims them (blocked
    /// outside, published here), **a public registry is asked for them** as long as it is observed.
    /// They count as anybody's packages then: advisories and look-alikes are judged.
    /// Imitations of a group (weak matches) and flags of packages stay enforced.
    #[serde(default)]
    pub observe: Option<Vec<Control>>,
    /// What the group is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whom to ask about it.
    #[serde(default)]
    pub contact: Option<String>,
}

/// What becomes of something that a control finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is refused.
    Deny,
    /// It is served, with a warning.
    Warn,
    /// Nothing: the control does not look.
    Off,
}

/// What becomes of a version whose age is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownAge {
    /// It is held.
    Hold,
    /// It is served.
    Allow,
}

/// The end of an exemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until(SystemTime);

impl Until {
    /// The first moment after it.
    pub const fn end(self) -> SystemTime {
        self.0
    }
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        moment::read_end(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no date: write \"2027-01-31\"")))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Off => "off",
        })
    }
}

/// The value of a control: `"allow"`, `"block"`, `"inherit"` or a list of repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeSpec {
    /// Every repository may.
    Allow,
    /// No repository may.
    Block,
    /// The same as leaving the control out.
    Inherit,
    /// Only these repositories may; an empty list is as good as `Block`.
    Repositories(Vec<String>),
}

impl GroupSpec {
    /// A group that sets nothing yet.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            ..Self::default()
        }
    }
}

impl fmt::Display for ModeSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => formatter.write_str("allow"),
            Self::Block => formatter.write_str("block"),
            Self::Inherit => formatter.write_str("inherit"),
            Self::Repositories(names) => write!(formatter, "only {}", names.join(", ")),
        }
    }
}

// The field is named in the error, since formats differ in whether they tell the place.

fn publish_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ModeSpec>, D::Error> {
    deserializer
        .deserialize_any(ModeVisitor { field: "publish" })
        .map(Some)
}

fn internal_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ModeSpec>, D::Error> {
    deserializer
        .deserialize_any(ModeVisitor { field: "internal" })
        .map(Some)
}

fn external_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ModeSpec>, D::Error> {
    deserializer
        .deserialize_any(ModeVisitor { field: "external" })
        .map(Some)
}

struct ModeVisitor {
    field: &'static str,
}

const EXPECTED: &str = "\"allow\", \"block\", \"inherit\" or a list of repositories";

impl<'de> Visitor<'de> for ModeVisitor {
    type Value = ModeSpec;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{EXPECTED} for `{}`", self.field)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<ModeSpec, E> {
        match word {
            "allow" => Ok(ModeSpec::Allow),
            "block" => Ok(ModeSpec::Block),
            "inherit" => Ok(ModeSpec::Inherit),
            _ => Err(E::custom(format!(
                "`{}` is {word:?}: use {EXPECTED}",
                self.field
            ))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<ModeSpec, A::Error> {
        let mut repositories = Vec::new();
        while let Some(name) = names.next_element()? {
            repositories.push(name);
        }
        Ok(ModeSpec::Repositories(repositories))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_read_from_configuration() {
        let text = "pattern = '/npm/*'\npublish = 'block'\ninternal = 'inherit'\nexternal = ['a']";
        let spec: GroupSpec = toml::from_str(text).unwrap();
        assert_eq!(spec.publish, Some(ModeSpec::Block));
        assert_eq!(spec.internal, Some(ModeSpec::Inherit));
        assert_eq!(
            spec.external,
            Some(ModeSpec::Repositories(vec!["a".to_owned()]))
        );
    }

    #[test]
    fn mistakes_are_named() {
        for text in [
            "external = 'deny'",
            "external = 3",
            "external = [1]",
            "extrenal = 'block'",
        ] {
            let text = format!("pattern = '/*'\n{text}");
            let error = toml::from_str::<GroupSpec>(&text).unwrap_err().to_string();
            assert!(error.contains("external"), "{error}");
        }
        let json = r#"{"pattern":"/*","publish":"forbid"}"#;
        let error = serde_json::from_str::<GroupSpec>(json)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`publish`") && error.contains("inherit"),
            "{error}"
        );
    }
}
