//! What a preflight asks a running gateway, and what that answers.

use rules::{Ecosystem, PackageName, Verdict};
use serde::{Deserialize, Serialize};

/// The most questions of one request.
pub const QUESTIONS_MAX: usize = 1000;

/// The body of `POST /-/preflight/REPOSITORY`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub packages: Vec<Question>,
}

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub ecosystem: Ecosystem,
    /// As the ecosystem writes it: `@scope/name`, `group:artifact`.
    pub package: String,
    pub version: String,
}

/// The body of the answer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answered {
    pub packages: Vec<Answer>,
}

/// What would become of one version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    pub ecosystem: Ecosystem,
    pub package: String,
    pub version: String,
    pub verdict: Verdict,
    /// `control:group` of what decided, or the package's group.
    pub rule: String,
    /// Why, if it is not plainly allowed.
    pub reason: String,
    /// The version that may be had instead.
    pub nearest: Option<String>,
    /// Why it could not be judged.
    pub problem: Option<String>,
}

impl Answer {
    /// Allowed, and nothing more is said of it.
    pub fn about(package: &PackageName, version: &str) -> Self {
        Self {
            ecosystem: package.ecosystem(),
            package: package.to_string(),
            version: version.to_owned(),
            verdict: Verdict::Allow,
            rule: String::new(),
            reason: String::new(),
            nearest: None,
            problem: None,
        }
    }
}
