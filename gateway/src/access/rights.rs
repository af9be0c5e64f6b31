//! What the bearer of a token may do, and the sentence that says why not.
//!
//! A right holds in the token's repositories, for packages that match one of its patterns. An empty
//! list of repositories or patterns means all; an empty list of rights means none. Patterns count
//! only where they match strongly: a name that merely looks like one of the house's is an imitation
//! and gives nobody a right to it.

use std::time::SystemTime;

use rules::{PackageName, Pattern, PatternError, Strength};

use super::challenge::Denial;
use super::{SENTENCE_BYTES_MAX, plain};
use crate::state::{Right, Token};

/// How many repositories or patterns a sentence names.
const LISTED_MAX: usize = 2;
const NAME_BYTES_MAX: usize = 40;
const ITEM_BYTES_MAX: usize = 48;

/// Who asks, by a token that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    name: String,
    rights: Vec<Right>,
    repositories: Vec<String>,
    patterns: Vec<Pattern>,
}

/// The token is good, but not for this: 403. The sentence is printable ASCII of at most 200 bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refused {
    /// Names the token, the right, and what it may.
    pub sentence: String,
}

impl Principal {
    /// The bearer of this token, unless it has ended.
    pub fn new(token: &Token, now: SystemTime) -> Result<Self, Denial> {
        if token.revoked.is_some() {
            return Err(Denial::Revoked(token.name.clone()));
        }
        if let Some(end) = token.expires.filter(|_| token.is_expired(now)) {
            return Err(Denial::Expired(token.name.clone(), end));
        }
        // Were a pattern that can't be read passed over, the list might become empty: everything.
        let patterns = patterns(&token.patterns).map_err(|_| Denial::Unknown)?;
        Ok(Self {
            name: token.name.clone(),
            rights: token.rights.clone(),
            repositories: token.repositories.clone(),
            patterns,
        })
    }

    /// What people call the token.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the right holds for this package in this repository.
    pub fn may(
        &self,
        right: Right,
        repository: &str,
        package: &PackageName,
    ) -> Result<(), Refused> {
        self.may_in(right, repository)?;
        let strong = |pattern: &Pattern| pattern.matches(package) == Some(Strength::Strong);
        match self.patterns.is_empty() || self.patterns.iter().any(strong) {
            true => Ok(()),
            false => Err(self.refused(right)),
        }
    }

    /// Whether the right holds for anything in this repository: for what belongs to no package
    /// (search, ping). It does not say that it holds for everything there.
    pub fn may_in(&self, right: Right, repository: &str) -> Result<(), Refused> {
        if !self.holds(right) {
            return Err(self.lacks(right));
        }
        let here = self.repositories.iter().any(|it| it == repository);
        match self.repositories.is_empty() || here {
            true => Ok(()),
            false => Err(self.refused(right)),
        }
    }

    fn holds(&self, right: Right) -> bool {
        self.rights.iter().any(|own| rank(*own) >= rank(right))
    }

    fn lacks(&self, right: Right) -> Refused {
        let highest = self.rights.iter().copied().max_by_key(|own| rank(*own));
        let may = highest.map_or("do nothing", word);
        let name = plain(&self.name, NAME_BYTES_MAX);
        refused(&format!("token {name} may {may}, not {}", word(right)))
    }

    /// It has the right, but only for some packages or repositories.
    fn refused(&self, right: Right) -> Refused {
        let name = plain(&self.name, NAME_BYTES_MAX);
        let patterns: Vec<&str> = self.patterns.iter().map(Pattern::as_str).collect();
        let repositories: Vec<&str> = self.repositories.iter().map(String::as_str).collect();
        let what = match patterns.is_empty() {
            true => String::new(),
            false => format!(" {}", listed(&patterns)),
        };
        let place = match repositories.len() {
            0 => String::new(),
            1 => format!(" in repository {}", listed(&repositories)),
            _ => format!(" in repositories {}", listed(&repositories)),
        };
        refused(&format!(
            "token {name} may {} only{what}{place}",
            word(right)
        ))
    }
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, PatternError> {
    texts.iter().map(|text| Pattern::parse(text)).collect()
}

/// Admin implies publish, publish implies read.
const fn rank(right: Right) -> u8 {
    match right {
        Right::Read => 0,
        Right::Publish => 1,
        Right::Admin => 2,
    }
}

const fn word(right: Right) -> &'static str {
    match right {
        Right::Read => "read",
        Right::Publish => "publish",
        Right::Admin => "administer",
    }
}

fn listed(items: &[&str]) -> String {
    let named: Vec<String> = items
        .iter()
        .take(LISTED_MAX)
        .map(|item| plain(item, ITEM_BYTES_MAX))
        .collect();
    match items.len().saturating_sub(LISTED_MAX) {
        0 => named.join(" and "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn refused(sentence: &str) -> Refused {
    Refused {
        sentence: plain(sentence, SENTENCE_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn token(rights: &[Right], repositories: &[&str], patterns: &[&str]) -> Token {
        let owned = |list: &[&str]| list.iter().map(|&it| it.to_owned()).collect();
        Token {
            name: "ci".to_owned(),
            rights: rights.to_vec(),
            repositories: owned(repositories),
            patterns: owned(patterns),
            created: UNIX_EPOCH,
            expires: None,
            revoked: None,
        }
    }

    fn principal(rights: &[Right], repositories: &[&str], patterns: &[&str]) -> Principal {
        Principal::new(&token(rights, repositories, patterns), UNIX_EPOCH).unwrap()
    }

    const READ: &[Right] = &[Right::Read];
    const PUBLISH: &[Right] = &[Right::Publish];
    const ADMIN: &[Right] = &[Right::Read, Right::Admin];
    const OURS: &str = "/npm/mycompany/*";

    type Case = (
        &'static [Right],
        &'static [&'static str],
        &'static [&'static str],
        Right,
        &'static str,
        &'static str,
        &'static str,
    );

    /// Rights, repositories, patterns; the right asked for, where, for what; the sentence.
    const CASES: &[Case] = &[
        (READ, &[], &[], Right::Read, "public", "left-pad", ""),
        (
            READ,
            &[],
            &[],
            Right::Publish,
            "public",
            "left-pad",
            "token ci may read, not publish",
        ),
        (PUBLISH, &[], &[], Right::Read, "public", "left-pad", ""),
        (
            PUBLISH,
            &[],
            &[],
            Right::Admin,
            "public",
            "x",
            "token ci may publish, not administer",
        ),
        (ADMIN, &[], &[], Right::Publish, "public", "left-pad", ""),
        (
            &[],
            &[],
            &[],
            Right::Read,
            "public",
            "x",
            "token ci may do nothing, not read",
        ),
        (
            PUBLISH,
            &["public"],
            &[OURS],
            Right::Publish,
            "public",
            "@mycompany/ui",
            "",
        ),
        (
            PUBLISH,
            &["public"],
            &[OURS],
            Right::Publish,
            "public",
            "left-pad",
            "token ci may publish only /npm/mycompany/* in repository public",
        ),
        (
            PUBLISH,
            &["a", "b", "c"],
            &[],
            Right::Read,
            "public",
            "left-pad",
            "token ci may read only in repositories a, b and 1 more",
        ),
        (
            PUBLISH,
            &["public", "b"],
            &["/pypi/*", "/maven/*"],
            Right::Read,
            "public",
            "left-pad",
            "token ci may read only /pypi/* and /maven/* in repositories public and b",
        ),
        // Weak matches give no right.
        (
            PUBLISH,
            &[],
            &["/npm//my-tool$"],
            Right::Publish,
            "public",
            "my_tool",
            "token ci may publish only /npm//my-tool$",
        ),
        (
            PUBLISH,
            &[],
            &["/npm//my-tool$", "/npm//my_tool$"],
            Right::Read,
            "p",
            "my_tool",
            "",
        ),
    ];

    #[test]
    fn rights_hold_where_they_were_given() {
        for (rights, repositories, patterns, right, repository, package, sentence) in CASES {
            let principal = principal(rights, repositories, patterns);
            let package = PackageName::npm(package).unwrap();
            let answer = principal.may(*right, repository, &package);
            let said = answer.map_or_else(|refused| refused.sentence, |()| String::new());
            assert_eq!(said, *sentence, "{package}");
        }
    }

    #[test]
    fn sentences_are_short_and_printable() {
        let long = format!("/npm//{}$", "x".repeat(400));
        let mut token = token(PUBLISH, &[], &[]);
        token.name = format!("{}\r\n{}", "é".repeat(9), "n".repeat(300));
        token.patterns = vec![long; 5];
        token.repositories = vec!["r".repeat(99); 5];
        let principal = Principal::new(&token, UNIX_EPOCH).unwrap();
        let package = PackageName::npm("a").unwrap();
        for right in [Right::Publish, Right::Admin] {
            let sentence = principal.may(right, "a", &package).unwrap_err().sentence;
            assert!(sentence.len() <= SENTENCE_BYTES_MAX, "{sentence}");
            assert!(sentence.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }

    #[test]
    fn what_has_ended_is_no_principal() {
        let end = UNIX_EPOCH + Duration::from_secs(60);
        let second = Duration::from_secs(1);
        let mut token = token(READ, &[], &[]);
        token.expires = Some(end);
        assert!(Principal::new(&token, end - second).is_ok());
        let expired = Denial::Expired("ci".to_owned(), end);
        assert_eq!(Principal::new(&token, end), Err(expired));
        token.revoked = Some(UNIX_EPOCH);
        assert_eq!(
            Principal::new(&token, UNIX_EPOCH),
            Err(Denial::Revoked("ci".to_owned()))
        );
        token.revoked = None;
        token.patterns = vec!["nonsense".to_owned()];
        assert_eq!(Principal::new(&token, UNIX_EPOCH), Err(Denial::Unknown));
    }
}
