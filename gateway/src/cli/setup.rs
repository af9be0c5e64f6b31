//! `portcullis setup CLIENT`: writes or prints a package manager's configuration, adding, never replacing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{Settings, complain, say};
use crate::config::{Surroundings, own_addresses, own_scheme};
use crate::setup::{Client, Outcome, Plan, apply, plan};

#[derive(Args)]
pub struct Setup {
    /// npm, pnpm, yarn, pip, uv, poetry, twine, maven or gradle
    client: Client,
    /// The repository to use
    #[arg(long, default_value = "public")]
    repository: String,
    /// Print what would be written
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Setup {
    pub fn run(self) -> Result<ExitCode> {
        let surroundings = Surroundings::of_process();
        let base = base(&self.settings);
        let plan = plan(self.client, &base, &self.repository, &surroundings)?;
        finish(&plan, self.print)
    }
}

/// Carries out a plan, or prints it, and says what else is to be done.
pub fn finish(plan: &Plan, only_print: bool) -> Result<ExitCode> {
    match only_print {
        true => print(plan),
        false => {
            for outcome in apply(plan)? {
                say(&told(&outcome));
            }
        }
    }
    for command in &plan.commands {
        say(&format!("run: {command}"));
    }
    for note in &plan.notes {
        complain(&format!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The gateway's address as its configuration has it; nothing is asked of the network.
pub fn base(settings: &Settings) -> String {
    let file = settings
        .config
        .clone()
        .unwrap_or_else(|| "portcullis.toml".into());
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let overrides = crate::config::Overrides {
        listen: settings.listen,
        public_url: settings.public_url.clone(),
        ..Default::default()
    };
    let own = own_addresses(&text, &overrides);
    let scheme = own_scheme(&text);
    let listen = own.listen.map(|listen| format!("{scheme}://{listen}"));
    own.public_url.or(listen).unwrap_or_default()
}

fn print(plan: &Plan) {
    for edit in &plan.edits {
        say(&format!(
            "# {}\n{}",
            edit.file.display(),
            edit.text_to_add.trim_end()
        ));
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Created(file) => format!("{} written", file.display()),
        Outcome::Extended(file) => format!("{} extended", file.display()),
        Outcome::Unchanged(file) => format!("{} has it already", file.display()),
    }
}
