//! `portcullis login CLIENT`: writes a token into a package manager's configuration, for files that only the user may read.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::setup::finish;
use super::{Settings, setup};
use crate::access::TokenText;
use crate::config::Surroundings;
use crate::setup::{Client, login};

#[derive(Args)]
pub struct Login {
    /// npm, pnpm, yarn, pip, uv, poetry, twine, maven or gradle
    client: Client,
    /// The repository to use
    #[arg(long, default_value = "public")]
    repository: String,
    /// npm: only for packages of this scope
    #[arg(long)]
    scope: Option<String>,
    /// Print what would be written, the token included
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Login {
    /// The token comes from the environment or from standard input: never from the command line, which others see.
    pub fn run(self) -> Result<ExitCode> {
        let token = match std::env::var("PORTCULLIS_TOKEN") {
            Ok(token) => token,
            Err(_) => {
                let mut token = String::new();
                std::io::stdin()
                    .read_to_string(&mut token)
                    .context("the token is read from PORTCULLIS_TOKEN or from standard input")?;
                token
            }
        };
        let Ok(token) = TokenText::parse(token.trim()) else {
            bail!("this is no token; give one in PORTCULLIS_TOKEN or on standard input");
        };
        let surroundings = Surroundings::of_process();
        let base = setup::base(&self.settings);
        let wanted = crate::setup::Login {
            base: &base,
            repository: &self.repository,
            scope: self.scope.as_deref(),
            token: &token,
        };
        let plan = login(self.client, &wanted, &surroundings)?;
        finish(&plan, self.print)
    }
}
