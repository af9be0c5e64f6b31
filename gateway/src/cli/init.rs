//! `portcullis init`: what discovery found, as a configuration file.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::say;
use crate::config::discover::discover;
use crate::config::{Own, Surroundings};

#[derive(Args)]
pub struct Init {
    /// The file to write; an existing one is never overwritten
    #[arg(
        long,
        env = "PORTCULLIS_CONFIG",
        value_name = "FILE",
        default_value = "portcullis.toml"
    )]
    config: PathBuf,
    /// Print instead of writing
    #[arg(long)]
    print: bool,
}

impl Init {
    pub fn run(self) -> Result<ExitCode> {
        let discovery = discover(&Surroundings::of_process(), &Own::default());
        let text = crate::config::init::text(&discovery);
        if self.print {
            say(text.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        let path = self.config.display();
        let mut file = std::fs::File::create_new(&self.config).with_context(|| {
            format!("{path} can't be made; remove it first or choose another with --config")
        })?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("{path} can't be written"))?;
        say(&format!(
            "{path} written; start the gateway with `portcullis serve --config {path}`"
        ));
        Ok(ExitCode::SUCCESS)
    }
}
