//! Every way a request can fail: its status, the words for the client, the words for the log.
//!
//! A refusal by policy is 403 and nothing else; a true "not there" is 404 and never problem+json (Maven 3.9 makes a hard
//! error of it); 401 is kept for authentication (protocols.md, decisions 1–6).

use crate::access::{self, Denial};
use http::{HeaderName, header};
use rules::{Ecosystem, Reason};
use serde_json::json;

use crate::exchange::Reply;

/// Why there is no ordinary answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// 400, 404, 405, 406: not a request of ours
    Rejected { status: u16, message: String },
    /// 404: nothing of that name here; the text names it
    Absent(String),
    /// 403: refused by a rule
    Refused(Box<Reason>),
    /// 404: a name of the house of which nothing is published; the rule says why nobody else was asked
    Claimed(Box<Reason>),
    /// 403: everything asked for is withheld; the sentence
    Withheld(String),
    /// 403: the token is good, but not for this; the sentence
    Forbidden(String),
    /// 401: nobody is known to ask
    Denied(Box<Denial>),
    /// 502, 503, 504: an upstream gave nothing that can be used
    Upstream {
        status: u16,
        upstream: String,
        detail: String,
    },
    /// 503: the state database does not answer, and the rules ask for what it knows; the detail is for the log
    State(String),
    /// 500: our own fault; the detail is for the log
    Internal(String),
}

/// How a failure is told to this client.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    pub ecosystem: Option<Ecosystem>,
    pub problem_json: bool,
    /// The decision's id, under which the admin listener shows it, if a rule spoke.
    pub decision: &'a str,
}

impl Failure {
    pub fn status(&self) -> u16 {
        match self {
            Self::Rejected { status, .. } | Self::Upstream { status, .. } => *status,
            Self::Absent(_) | Self::Claimed(_) => 404,
            Self::Refused(_) | Self::Withheld(_) | Self::Forbidden(_) => 403,
            Self::Denied(_) => 401,
            Self::State(_) => 503,
            Self::Internal(_) => 500,
        }
    }

    /// The one sentence for the client.
    pub fn sentence(&self) -> String {
        match self {
            Self::Rejected { message, .. } => message.clone(),
            Self::Absent(what) => format!("{what} is not here"),
            Self::Refused(reason) | Self::Claimed(reason) => reason.sentence.clone(),
            Self::Withheld(sentence) | Self::Forbidden(sentence) => sentence.clone(),
            Self::Denied(denial) => denial.sentence(),
            Self::Upstream {
                upstream, detail, ..
            } => {
                format!("upstream {upstream} gave no usable answer: {detail}")
            }
            Self::State(_) => "the gateway's state database does not answer; try again".to_owned(),
            Self::Internal(_) => "portcullis failed; its log says why".to_owned(),
        }
    }

    /// The rule that spoke, if one did.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Refused(reason) | Self::Claimed(reason) => Some(reason),
            _ => None,
        }
    }

    /// The reply that shows the sentence in the client's own output.
    pub fn reply(&self, telling: Telling<'_>) -> Reply {
        let phrase = phrase(&self.sentence());
        let status = self.status();
        let reply = match (status, telling.ecosystem) {
            (403 | 500..=599, _) if telling.problem_json => self.problem(&phrase, telling),
            (404, Some(Ecosystem::Maven)) => plain(status, "text/plain", &format!("{phrase}\n")),
            (404, Some(Ecosystem::Pypi)) => {
                let text = escape_html(&phrase);
                plain(
                    status,
                    "text/html",
                    &format!("<!DOCTYPE html><title>{text}</title><p>{text}</p>\n"),
                )
            }
            (_, Some(Ecosystem::Npm)) => plain(
                status,
                "application/json",
                &json!({ "error": phrase }).to_string(),
            ),
            _ => plain(status, "text/plain", &format!("{phrase}\n")),
        };
        let mut reply = reply.with(header::CACHE_CONTROL, "no-store");
        reply.reason = Some(phrase.clone());
        if let Self::Denied(denial) = self {
            for (name, value) in access::fields(telling.ecosystem, denial) {
                reply = reply.with(name, &value);
            }
        }
        if status == 403 {
            reply = reply.with(HeaderName::from_static("x-error-message"), &phrase);
            if telling.ecosystem == Some(Ecosystem::Npm) {
                reply = reply.with(HeaderName::from_static("npm-notice"), &phrase);
            }
        }
        reply
    }

    /// RFC 9457, and at once the `{"error": …}` that npm prints. The content type has no parameter: Maven 3.9 compares
    /// the string.
    fn problem(&self, phrase: &str, telling: Telling<'_>) -> Reply {
        let (kind, code) = match self.reason() {
            Some(reason) => (
                format!("urn:portcullis:control:{}", reason.control.as_str()),
                "POLICY",
            ),
            None if matches!(self, Self::Forbidden(_)) => ("about:blank".to_owned(), "FORBIDDEN"),
            None if self.status() == 403 => ("urn:portcullis:control:version".to_owned(), "POLICY"),
            None => ("about:blank".to_owned(), "UPSTREAM"),
        };
        let mut body = json!({
            "type": kind,
            "title": phrase,
            "status": self.status(),
            "detail": phrase,
            "error": phrase,
            "message": phrase,
            "code": code,
        });
        if self.reason().is_some() {
            body["instance"] = json!(format!("/decisions/{}", telling.decision));
        }
        plain(self.status(), "application/problem+json", &body.to_string())
    }
}

fn plain(status: u16, content_type: &str, body: &str) -> Reply {
    Reply::full(status, content_type, body.to_owned())
}

/// A sentence as a reason phrase: printable ASCII, at most 200 bytes (protocols.md, decision 4).
pub fn phrase(sentence: &str) -> String {
    sentence
        .chars()
        .map(|each| {
            if each.is_ascii_graphic() || each == ' ' {
                each
            } else {
                '?'
            }
        })
        .take(200)
        .collect()
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_short_printable_ascii() {
        for text in [
            "plain",
            "naïve",
            "a\r\nInjected: 1",
            "\u{1b}[31mred",
            &"x".repeat(500),
        ] {
            let phrase = phrase(text);
            assert!(
                phrase.len() <= 200 && phrase.bytes().all(|byte| (32..127).contains(&byte)),
                "{phrase}"
            );
        }
    }

    #[test]
    fn not_there_is_never_a_problem_document() {
        for ecosystem in Ecosystem::ALL {
            let telling = Telling {
                ecosystem: Some(ecosystem),
                problem_json: true,
                decision: "1",
            };
            let reply = Failure::Absent("x".to_owned()).reply(telling);
            let media_type = reply
                .field(&header::CONTENT_TYPE)
                .unwrap_or_default()
                .to_owned();
            assert!(!media_type.contains("problem"), "{ecosystem}: {media_type}");
            let refused = Failure::Withheld("no".to_owned()).reply(telling);
            assert_eq!(
                refused.field(&header::CONTENT_TYPE),
                Some("application/problem+json")
            );
        }
    }
}
