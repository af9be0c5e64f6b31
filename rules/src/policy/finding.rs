//! What a check of a policy found.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The policy can be used, but probably does not say what was meant.
    Warning,
    /// The policy cannot be used.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The pattern or repository it is about.
    pub subject: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Severity {
    /// `warning` or `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    pub(crate) fn error(subject: &str, message: impl Into<String>) -> Self {
        let (subject, message) = (subject.to_owned(), message.into());
        Self {
            severity: Severity::Error,
            subject,
            message,
        }
    }

    pub(crate) fn warning(subject: &str, message: impl Into<String>) -> Self {
        let (subject, message) = (subject.to_owned(), message.into());
        Self {
            severity: Severity::Warning,
            subject,
            message,
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}: {}",
            self.severity.as_str(),
            self.subject,
            self.message
        )
    }
}
