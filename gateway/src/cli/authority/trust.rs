//! `portcullis authority trust CLIENT… [--undo] [--print]`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::super::{complain, say};
use crate::authority::trust::command::of_machine;
use crate::authority::trust::{Change, Plan, Scene, Step, Truster, apply, plan, undo};
use crate::config::Surroundings;

/// Make clients trust the gateway's authority; trust is added, never replaced
#[derive(Args)]
pub struct Trust {
    /// npm, pnpm, yarn, pip, uv, poetry, twine, maven, gradle, system or shell
    #[arg(required = true)]
    clients: Vec<Truster>,
    /// Take back what was written
    #[arg(long)]
    undo: bool,
    /// Print what would be written and change nothing
    #[arg(long)]
    print: bool,
}

impl Trust {
    /// Does it for the gateway whose data folder this is.
    pub fn run(mut self, data: PathBuf) -> Result<ExitCode> {
        let surroundings = Surroundings::of_process();
        let run = of_machine(&surroundings);
        let scene = Scene::read(&data, &surroundings, &run)?;
        // Others are set up by what the system trusts.
        self.clients.sort_by_key(|it| *it != Truster::System);
        for truster in self.clients {
            let plan = match self.undo {
                true => undo(truster, &scene)?,
                false => plan(truster, &scene)?,
            };
            match self.print {
                true => print(&plan),
                false => apply(&plan, &run)?.iter().for_each(|it| say(&told(it))),
            }
            for note in &plan.notes {
                complain(&format!("note: {note}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(plan: &Plan) {
    if plan.steps.is_empty() {
        say(&format!("# {}: nothing to do", plan.truster));
    }
    for step in &plan.steps {
        match step {
            Step::Write(write) => say(&format!("# {}\n{}", write.file.display(), write.shown)),
            Step::Store(store) => say(&format!(
                "# {}\n(the roots of {}, and the gateway's authority)",
                store.file.display(),
                store.source.display()
            )),
            Step::Run(invocation) => say(&format!("run: {}", invocation.shown())),
        }
    }
}

fn told(change: &Change) -> String {
    match change {
        Change::Written(file) => format!("{} written", file.display()),
        Change::Unchanged(file) => format!("{} has it already", file.display()),
        Change::Removed(file) => format!("{} removed", file.display()),
        Change::Ran(command) => format!("{command}: done"),
    }
}
