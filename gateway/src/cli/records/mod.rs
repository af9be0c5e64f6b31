//! Commands on the state database: `token`, `package`, `version`, `copy`. The gateway may run or not; what they change
//! is in force within a second.

mod copy;
mod package;
mod token;
mod version;

use anyhow::{Context, Result, bail};
use rules::{Age, PackageName};

use super::load::Loaded;
use crate::state::State;

pub use copy::CopyCommand;
pub use package::PackageCommand;
pub use token::TokenCommand;
pub use version::VersionCommand;

/// Runs something on the state database of a configuration.
fn with_state<T>(loaded: &Loaded, work: impl AsyncFnOnce(&State) -> Result<T>) -> Result<T> {
    let place = &loaded.config.state;
    if let Some(file) = place.file().filter(|file| !file.exists()) {
        bail!(
            "there is no state database at {}: start the gateway first, or name its --config or --data",
            file.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let state = State::open(place).await;
        let state = state.with_context(|| format!("state.url: {place}"))?;
        let done = work(&state).await;
        state.close().await;
        done
    })
}

/// A package as operators write it: /npm//left-pad, /maven/com.mycompany/app
fn package(text: &str) -> Result<PackageName, String> {
    rules::parse_path(text).map_err(|error| error.to_string())
}

fn age(text: &str) -> Result<Age, String> {
    Age::parse(text).ok_or_else(|| "write a number and a unit, such as 12h, 90d".to_owned())
}

fn known_repository(loaded: &Loaded, name: &str) -> Result<()> {
    let mut repositories = loaded.config.repositories.iter();
    match repositories.any(|each| each.spec.name == name) {
        true => Ok(()),
        false => bail!("no repository is called {name}"),
    }
}
