//! Why an upload is not taken.

use rules::SENTENCE_BYTES_MAX;

/// Longest piece of the client's own text in a sentence.
const SHOWN_BYTES_MAX: usize = 60;

/// A status and one plain sentence, which becomes the reason phrase: twine shows nothing else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refused {
    status: u16,
    sentence: String,
}

impl Refused {
    /// 409: the name is taken by other bytes. Clients match on the words "File already exists".
    pub fn taken(file: &str) -> Self {
        Self::conflict(format!(
            "File already exists: {} was published with other bytes; use a new version",
            shown(file)
        ))
    }

    /// 400, 409, 413, 415 or 422; who may publish what is not judged here.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Printable ASCII, at most `SENTENCE_BYTES_MAX` bytes.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// 400: the request does not say what an upload must say, or did not arrive whole.
    pub(super) fn malformed(sentence: impl Into<String>) -> Self {
        Self::new(400, sentence.into())
    }

    /// 415: a kind of request or file that is not taken.
    pub(super) fn unsupported(sentence: impl Into<String>) -> Self {
        Self::new(415, sentence.into())
    }

    /// 422: the upload contradicts itself.
    pub(super) fn contradictory(sentence: impl Into<String>) -> Self {
        Self::new(422, sentence.into())
    }

    /// 413: more than is taken.
    pub(super) fn too_large(sentence: impl Into<String>) -> Self {
        Self::new(413, sentence.into())
    }

    fn conflict(sentence: String) -> Self {
        Self::new(409, sentence)
    }

    fn new(status: u16, sentence: String) -> Self {
        let plain = |letter: char| match letter {
            ' '..='~' => letter,
            _ => '?',
        };
        let mut sentence: String = sentence.chars().map(plain).collect();
        sentence.truncate(SENTENCE_BYTES_MAX);
        Self { status, sentence }
    }
}

/// The client's own text in a sentence: quoted, escaped, and cut where it is long.
pub(super) fn shown(text: &str) -> String {
    let escaped: String = text.chars().flat_map(char::escape_default).collect();
    if escaped.len() <= SHOWN_BYTES_MAX {
        format!("'{escaped}'")
    } else {
        format!("'{}...'", &escaped[..SHOWN_BYTES_MAX])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_plain_and_short() {
        let text = "\u{e9}\r\n\u{1b}[31m".repeat(100);
        let refused = Refused::contradictory(format!("{text} {}", shown(&text)));
        assert_eq!(refused.sentence().len(), SENTENCE_BYTES_MAX);
        let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        assert!(refused.sentence().bytes().all(plain));
        let taken = Refused::taken(&"\u{1}".repeat(300));
        assert!(taken.sentence().ends_with("use a new version"), "{taken}");
        assert_eq!(
            (taken.status(), shown("a\u{e9}")),
            (409, "'a\\u{e9}'".into())
        );
    }
}
