//! What can go wrong with an upstream: a closed set, each with the status a client gets for it.

/// Why an upstream gave nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub kind: FaultKind,
    pub detail: String,
}

/// The closed set of upstream faults (also a metric label).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// no name, no address, no connection, or it broke
    Unreachable,
    /// a deadline passed
    Timeout,
    /// a server error, or too many requests
    Status,
    /// a client error other than "not there": an answer about what was asked, not about the upstream
    Refused,
    /// bytes that are not what was promised: length, digest, type, format
    Content,
    /// a host or address that is not allowed for this upstream
    Forbidden,
    /// our own queue for this upstream is full
    Overloaded,
    /// larger than a limit allows
    TooLarge,
}

impl FaultKind {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::Refused => "refused",
            Self::Content => "content",
            Self::Forbidden => "forbidden",
            Self::Overloaded => "overloaded",
            Self::TooLarge => "too_large",
        }
    }

    /// The status a client gets for it.
    pub fn status(self) -> u16 {
        match self {
            Self::Timeout => 504,
            Self::Overloaded => 503,
            _ => 502,
        }
    }
}

impl Fault {
    /// The budget for documents is spent.
    pub fn out_of_memory() -> Self {
        let text = "too many documents arrive at once (document_memory_bytes)";
        Self::new(FaultKind::Overloaded, text)
    }

    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}
