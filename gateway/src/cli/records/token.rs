//! `portcullis token create|list|revoke`.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use rules::{Age, Pattern};

use super::super::load::load;
use super::super::{Settings, say};
use super::{age, known_repository, with_state};
use crate::access::TokenText;
use crate::state::{Creation, NewToken, Right, Token};

#[derive(Args)]
pub struct TokenCommand {
    #[command(subcommand)]
    action: TokenAction,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum TokenAction {
    /// Make a token; its secret is printed once and kept nowhere
    Create {
        /// What people call it
        name: String,
        /// What it allows: read, publish, admin; each includes those before
        #[arg(long, value_enum, default_value = "read")]
        right: RightName,
        /// A repository it is good for; again for more [default: all]
        #[arg(long = "repository")]
        repositories: Vec<String>,
        /// Packages it is good for, as groups write them; again for more [default: all]
        #[arg(long = "pattern")]
        patterns: Vec<String>,
        /// When it ends by itself: 12h, 90d [default: never]
        #[arg(long, value_parser = age)]
        expires: Option<Age>,
    },
    /// Show every token, never its secret
    List,
    /// Take a token out of force
    Revoke {
        /// Its name
        name: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum RightName {
    Read,
    Publish,
    Admin,
}

impl TokenCommand {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        let now = SystemTime::now();
        match self.action {
            TokenAction::Create {
                name,
                right,
                repositories,
                patterns,
                expires,
            } => {
                for repository in &repositories {
                    known_repository(&loaded, repository)?;
                }
                for pattern in &patterns {
                    Pattern::parse(pattern).with_context(|| pattern.clone())?;
                }
                let secret =
                    TokenText::generate().map_err(|error| anyhow!("no randomness: {error}"))?;
                let token = NewToken {
                    name: name.clone(),
                    hash: secret.hash(),
                    rights: rights(right),
                    repositories,
                    patterns,
                    expires: expires.and_then(|age| now.checked_add(age.duration())),
                    created: now,
                };
                let created = with_state(&loaded, async |state| {
                    Ok(state.create_token(&token).await?)
                })?;
                match created {
                    Creation::Created => say(secret.reveal()),
                    Creation::NameTaken => bail!("there is a token {name}; revoke it first"),
                }
            }
            TokenAction::List => {
                let tokens = with_state(&loaded, async |state| Ok(state.tokens().await?))?;
                tokens.iter().for_each(|token| say(&told(token, now)));
            }
            TokenAction::Revoke { name } => {
                let revoked = with_state(&loaded, async |state| {
                    Ok(state.revoke_token(&name, now).await?)
                })?;
                match revoked {
                    true => say(&format!("{name} is revoked")),
                    false => bail!("no token in force is called {name}"),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rights(right: RightName) -> Vec<Right> {
    match right {
        RightName::Read => vec![Right::Read],
        RightName::Publish => vec![Right::Read, Right::Publish],
        RightName::Admin => vec![Right::Read, Right::Publish, Right::Admin],
    }
}

fn told(token: &Token, now: SystemTime) -> String {
    let all = |list: &[String]| match list {
        [] => "all".to_owned(),
        some => some.join(" "),
    };
    let date = |moment| format!("{}Z", rules::moment::show(moment));
    let standing = match (token.revoked, token.expires) {
        (Some(at), _) => format!("revoked {}", date(at)),
        (None, Some(end)) if end <= now => format!("expired {}", date(end)),
        (None, Some(end)) => format!("until {}", date(end)),
        (None, None) => "without end".to_owned(),
    };
    let highest = token.rights.iter().max_by_key(|right| **right as u8);
    let right = highest.map_or_else(
        || "nothing".to_owned(),
        |right| format!("{right:?}").to_lowercase(),
    );
    format!(
        "{}  {right}  repositories {}  packages {}  {standing}",
        token.name,
        all(&token.repositories),
        all(&token.patterns),
    )
}
