//! Why a write is refused: a class of status, and one sentence for the client.

use std::fmt;

use rules::SENTENCE_BYTES_MAX;

/// Why a body or a path is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Problem {
    /// What kind of failure it is.
    pub status: Status,
    /// One plain sentence: printable ASCII, at most `rules::SENTENCE_BYTES_MAX` bytes.
    pub sentence: String,
}

/// The statuses of RFC 9110, section 15.5, that a write can fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 400: the body is not what this request must carry
    Malformed,
    /// 403: it is understood, and never done here
    Refused,
    /// 409: it was made from another state of the package
    Conflict,
    /// 413: more than is taken
    TooLarge,
    /// 422: the document and its bytes contradict each other
    Contradictory,
}

impl Status {
    /// The status code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Refused => 403,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Contradictory => 422,
        }
    }
}

impl Problem {
    pub(super) fn malformed(sentence: impl fmt::Display) -> Self {
        Self::new(Status::Malformed, &sentence)
    }

    pub(super) fn refused(sentence: impl fmt::Display) -> Self {
        Self::new(Status::Refused, &sentence)
    }

    pub(super) fn conflict(sentence: impl fmt::Display) -> Self {
        Self::new(Status::Conflict, &sentence)
    }

    pub(super) fn too_large(sentence: impl fmt::Display) -> Self {
        Self::new(Status::TooLarge, &sentence)
    }

    pub(super) fn contradictory(sentence: impl fmt::Display) -> Self {
        Self::new(Status::Contradictory, &sentence)
    }

    fn new(status: Status, sentence: &dyn fmt::Display) -> Self {
        let plain = |letter: char| match letter {
            ' '..='~' => letter,
            _ => '?',
        };
        let mut sentence: String = sentence.to_string().chars().map(plain).collect();
        if sentence.len() > SENTENCE_BYTES_MAX {
            sentence.truncate(SENTENCE_BYTES_MAX - 3);
            sentence.push_str("...");
        }
        Self { status, sentence }
    }
}
