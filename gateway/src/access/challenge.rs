//! What a 401 says: the sentence, and the fields that make clients show it.
//!
//! An outsider learns no more than that a token is needed or that this one is not known. Only who
//! holds the whole secret of a token is told its name and that it has ended.

use std::time::SystemTime;

use http::HeaderName;
use http::header::WWW_AUTHENTICATE;
use rules::{Ecosystem, moment};

use super::{NotAToken, SENTENCE_BYTES_MAX, plain};

/// How much of a token's name is shown.
const NAME_BYTES_MAX: usize = 60;

/// Why nobody is taken to ask: 401, never 404, or pip, uv and Maven would not send what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No token was shown, and reading needs one.
    ReadNeedsToken,
    /// No token was shown; whatever changes something always needs one.
    PublishNeedsToken,
    /// The `Authorization` field can not be read.
    Malformed,
    /// What was shown is no token of ours, by its form.
    NotAToken(NotAToken),
    /// It has the form of a token, but is in nobody's book.
    Unknown,
    /// The token of this name ended by itself, at this moment.
    Expired(String, SystemTime),
    /// The token of this name was revoked.
    Revoked(String),
}

impl Denial {
    /// What the client shows: printable ASCII of at most 200 bytes. It never speaks of one-time
    /// passwords, which npm would ask the user for.
    pub fn sentence(&self) -> String {
        let text = match self {
            Self::ReadNeedsToken => {
                "reading here needs a token: run portcullis login, or ask the operator for one"
                    .to_owned()
            }
            Self::PublishNeedsToken => {
                "publishing needs a token: run portcullis login, or ask the operator for one"
                    .to_owned()
            }
            Self::Malformed => {
                "the Authorization field can not be read: send Bearer TOKEN, or Basic with the \
                 token as the password"
                    .to_owned()
            }
            Self::NotAToken(why) => why.to_string(),
            Self::Unknown => "this token is not known here: it may be of another gateway, or \
                              revoked; ask the operator for one"
                .to_owned(),
            Self::Expired(name, end) => format!(
                "token {} expired at {}Z; ask the operator for a new one",
                plain(name, NAME_BYTES_MAX),
                moment::show(*end)
            ),
            Self::Revoked(name) => format!(
                "token {} was revoked; ask the operator for a new one",
                plain(name, NAME_BYTES_MAX)
            ),
        };
        plain(&text, SENTENCE_BYTES_MAX)
    }
}

/// The fields of a 401 beside its phrase and body.
///
/// One challenge only, and without `charset`, which old coursier does not read. npm, whose clients
/// send tokens unasked, is challenged by Bearer: of Basic it says "incorrect password", of Bearer
/// that the token is invalid. It shows neither phrase nor body of a 401, but it does `npm-notice`.
pub fn fields(ecosystem: Option<Ecosystem>, denial: &Denial) -> Vec<(HeaderName, String)> {
    let is_npm = ecosystem == Some(Ecosystem::Npm);
    let scheme = if is_npm { "Bearer" } else { "Basic" };
    let sentence = denial.sentence();
    let mut fields = vec![
        (WWW_AUTHENTICATE, format!("{scheme} realm=\"portcullis\"")),
        (HeaderName::from_static("x-error-message"), sentence.clone()),
    ];
    if is_npm {
        fields.push((HeaderName::from_static("npm-notice"), sentence));
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn all() -> Vec<(Denial, &'static str)> {
        let long = "n".repeat(500);
        let end = UNIX_EPOCH + Duration::from_secs(86_400);
        vec![
            (Denial::ReadNeedsToken, "reading here needs a token"),
            (Denial::PublishNeedsToken, "publishing needs a token"),
            (Denial::Malformed, "can not be read"),
            (
                Denial::NotAToken(NotAToken::Foreign),
                "no token of portcullis",
            ),
            (Denial::NotAToken(NotAToken::Mistyped), "mistyped"),
            (Denial::Unknown, "not known here"),
            (
                Denial::Expired("ci".to_owned(), end),
                "token ci expired at 1970-01-02T00:00:00Z",
            ),
            (Denial::Expired(long.clone(), end), "expired at"),
            (
                Denial::Revoked("c\r\ni".to_owned()),
                "token c??i was revoked",
            ),
            (Denial::Revoked(long), "was revoked"),
        ]
    }

    #[test]
    fn each_says_what_is_wrong_and_what_to_do() {
        for (denial, words) in all() {
            let sentence = denial.sentence();
            assert!(sentence.contains(words), "{sentence}");
            assert!(sentence.len() <= SENTENCE_BYTES_MAX);
            assert!(sentence.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }

    #[test]
    fn no_client_takes_it_for_a_question_after_one_time_passwords() {
        let ecosystems = [
            None,
            Some(Ecosystem::Npm),
            Some(Ecosystem::Pypi),
            Some(Ecosystem::Maven),
        ];
        for (denial, _) in all() {
            for ecosystem in ecosystems {
                let fields = fields(ecosystem, &denial);
                let challenges = fields.iter().filter(|(name, _)| name == WWW_AUTHENTICATE);
                assert_eq!(challenges.count(), 1);
                for (_, value) in &fields {
                    let value = value.to_ascii_lowercase();
                    assert!(!value.contains("otp") && !value.contains("one-time pass"));
                }
            }
        }
    }

    #[test]
    fn npm_is_told_by_notice_and_the_others_asked_by_basic() {
        let value = |ecosystem, name: &str| {
            let fields = fields(ecosystem, &Denial::Unknown);
            fields
                .into_iter()
                .find(|(it, _)| it == name)
                .map(|(_, value)| value)
        };
        for (ecosystem, challenge, notice) in [
            (Some(Ecosystem::Npm), "Bearer realm=\"portcullis\"", true),
            (Some(Ecosystem::Pypi), "Basic realm=\"portcullis\"", false),
            (Some(Ecosystem::Maven), "Basic realm=\"portcullis\"", false),
            (None, "Basic realm=\"portcullis\"", false),
        ] {
            assert_eq!(value(ecosystem, "www-authenticate").unwrap(), challenge);
            assert_eq!(value(ecosystem, "npm-notice").is_some(), notice);
        }
    }
}
