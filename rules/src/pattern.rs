//! Patterns of package groups: the grammar of CodeArtifact, with its word boundary.
//!
//! ```text
//! /*                      every package
//! /<ecosystem>/*          one ecosystem
//! /<ecosystem>/<word>~    namespaces that begin with a word
//! /<ecosystem>/<ns>/*     one namespace (empty: unscoped npm, any PyPI)
//! /<ecosystem>/<ns>/<w>~  names that begin with a word
//! /<ecosystem>/<ns>/<p->* names that begin with a text that ends in punctuation
//! /<ecosystem>/<ns>/<n>$  one name
//! ```
//!
//! `foo~` covers `foo` and `foo-bar`, not `food`. Versions, wildcards within a name and negation
//! cannot be said.

use std::fmt;

use serde::Serialize;

use crate::fold::{fold_into, folded_key, is_boundary, is_word};
use crate::package::{Ecosystem, PackageName, pypi_normal_form};

/// The longest pattern, as in CodeArtifact's API.
const PATTERN_BYTES_MAX: usize = 520;

/// How closely a package matches a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Only after folding case, separators and confusable characters: an imitation.
    Weak,
    /// Exactly as written.
    Strong,
}

/// A valid pattern. Its text is the identity of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// `None` for `/*`.
    ecosystem: Option<Ecosystem>,
    /// What the coordinate `namespace/name` must begin with, or be.
    key: String,
    folded: String,
    exact: bool,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Strength {
    /// `strong` or `weak`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl Pattern {
    /// Reads a pattern; refuses, with a hint, what could never match.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check_text(text)?;
        if text == "/*" {
            return Ok(Self::new(text, None, "", false));
        }
        let parts: Vec<&str> = text.split('/').skip(1).collect();
        let ecosystem = parse_ecosystem(text, parts.first().copied().unwrap_or_default())?;
        match parts.as_slice() {
            [_, "*"] => Ok(Self::new(text, Some(ecosystem), "", false)),
            [_, last] => {
                let word = namespace_word(ecosystem, text, last)?;
                Ok(Self::new(text, Some(ecosystem), word, false))
            }
            [_, namespace, last] => {
                check_namespace(ecosystem, text, namespace)?;
                let (name, exact) = name_part(text, last)?;
                check_name(ecosystem, text, name)?;
                let key = format!("{namespace}/{name}");
                Ok(Self::new(text, Some(ecosystem), &key, exact))
            }
            [_] => Err(suffix_missing(text)),
            _ => Err(PatternError(format!(
                "{text:?} has a slash too many: a name holds none"
            ))),
        }
    }

    fn new(text: &str, ecosystem: Option<Ecosystem>, key: &str, exact: bool) -> Self {
        let folded = match key.split_once('/') {
            Some((namespace, name)) => folded_key(namespace, name),
            None => {
                let mut folded = String::new();
                fold_into(key, &mut folded);
                folded
            }
        };
        Self {
            text: text.to_owned(),
            ecosystem,
            key: key.to_owned(),
            folded,
            exact,
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether, and how closely, the package matches.
    pub fn matches(&self, package: &PackageName) -> Option<Strength> {
        self.matches_raw(package.ecosystem(), package.namespace(), package.name())
    }

    /// The same for a name that need not be valid, so that imitations with foreign letters can be
    /// judged though no [`PackageName`] holds them. PyPI names are expected in normal form.
    pub fn matches_raw(
        &self,
        ecosystem: Ecosystem,
        namespace: &str,
        name: &str,
    ) -> Option<Strength> {
        if self.ecosystem.is_some_and(|own| own != ecosystem) {
            return None;
        }
        if covers(&self.key, self.exact, &format!("{namespace}/{name}")) {
            return Some(Strength::Strong);
        }
        covers(&self.folded, self.exact, &folded_key(namespace, name)).then_some(Strength::Weak)
    }

    pub(crate) const fn ecosystem(&self) -> Option<Ecosystem> {
        self.ecosystem
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    pub(crate) const fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether the unfolded coordinate of the pattern's own ecosystem matches.
    pub(crate) fn is_strong(&self, coordinate: &str) -> bool {
        covers(&self.key, self.exact, coordinate)
    }
}

/// All shapes but `$` are prefixes that end at a boundary: a slash and `*` count as such.
fn covers(key: &str, exact: bool, coordinate: &str) -> bool {
    if exact {
        return key == coordinate;
    }
    coordinate.starts_with(key) && (key.is_empty() || is_boundary(coordinate, key.len()))
}

fn check_text(text: &str) -> Result<(), PatternError> {
    let problem = if text.len() > PATTERN_BYTES_MAX {
        format!(
            "the pattern has {} bytes, more than {PATTERN_BYTES_MAX}",
            text.len()
        )
    } else if text
        .chars()
        .any(|character| character.is_control() || character.is_whitespace())
    {
        format!("{text:?} holds white space or a control character")
    } else if !text.starts_with('/') {
        format!("{text:?} has no leading slash: write \"/{text}\"")
    } else {
        return Ok(());
    };
    Err(PatternError(problem))
}

fn parse_ecosystem(text: &str, word: &str) -> Result<Ecosystem, PatternError> {
    word.parse().map_err(|_unknown| {
        PatternError(format!(
            "{text:?} does not begin with /npm/, /pypi/, /maven/ or /generic/"
        ))
    })
}

/// The word of `/<ecosystem>/<word>~`.
fn namespace_word<'a>(
    ecosystem: Ecosystem,
    text: &str,
    last: &'a str,
) -> Result<&'a str, PatternError> {
    if last.ends_with('$') {
        return Err(PatternError(format!(
            "{text:?} names no namespace: write an empty one, as in /npm//react$"
        )));
    }
    if let Some(prefix) = last.strip_suffix('*') {
        return Err(PatternError(format!(
            "{text:?} has a * within the namespace: write \"/{ecosystem}/{}~\" for namespaces that \
             begin with the word, or \"/{ecosystem}//{last}\" for names",
            prefix.trim_end_matches(|character| !is_word(character))
        )));
    }
    let word = last.strip_suffix('~').ok_or_else(|| suffix_missing(text))?;
    check_namespace(ecosystem, text, word)?;
    check_word(text, word)?;
    Ok(word)
}

/// The last component without its suffix, and whether it is the whole name.
fn name_part<'a>(text: &str, last: &'a str) -> Result<(&'a str, bool), PatternError> {
    if let Some(name) = last.strip_suffix('$') {
        if name.is_empty() {
            return Err(PatternError(format!("{text:?} has no name before the $")));
        }
        return Ok((name, true));
    }
    if let Some(word) = last.strip_suffix('~') {
        check_word(text, word)?;
        return Ok((word, false));
    }
    let prefix = last.strip_suffix('*').ok_or_else(|| suffix_missing(text))?;
    if prefix.chars().next_back().is_some_and(is_word) {
        return Err(PatternError(format!(
            "{text:?} has a * after a letter or digit: use ~ instead, which ends at a word"
        )));
    }
    Ok((prefix, false))
}

fn check_word(text: &str, word: &str) -> Result<(), PatternError> {
    if word.chars().next_back().is_some_and(is_word) {
        return Ok(());
    }
    Err(PatternError(format!(
        "{text:?} has no letter or digit before the ~: use * there"
    )))
}

fn check_namespace(ecosystem: Ecosystem, text: &str, namespace: &str) -> Result<(), PatternError> {
    let problem = match ecosystem {
        _ if namespace.starts_with('@') => "has an @ in the scope: write the scope without it",
        Ecosystem::Pypi if !namespace.is_empty() => {
            "has a namespace, but PyPI has none: use an empty one, as in /pypi//boto3~"
        }
        Ecosystem::Maven if namespace.is_empty() => {
            "has no group id, and every Maven package has one: use /maven/<group>/<artifact>$"
        }
        Ecosystem::Generic if namespace.is_empty() => {
            "has no namespace, and every generic package has one: use /generic/<namespace>/<name>$"
        }
        _ => return Ok(()),
    };
    Err(PatternError(format!("{text:?} {problem}")))
}

fn check_name(ecosystem: Ecosystem, text: &str, name: &str) -> Result<(), PatternError> {
    let normal = pypi_normal_form(name);
    if ecosystem == Ecosystem::Pypi && normal != name {
        return Err(PatternError(format!(
            "{text:?} is not in normal form and would match nothing: write {normal:?} for {name:?}"
        )));
    }
    Ok(())
}

fn suffix_missing(text: &str) -> PatternError {
    PatternError(format!(
        "{text:?} has no suffix: end it with $ (exactly), ~ (begins with the word) or /* (all)"
    ))
}
