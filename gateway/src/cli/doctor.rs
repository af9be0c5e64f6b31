//! `portcullis doctor`: exit status 0 if every client trusts and reaches the gateway, else 1.

use std::process::ExitCode;

use anyhow::Result;
use rules::Ecosystem;

use super::{Settings, complain, crossing, load, say};
use crate::app::Snapshot;
use crate::authority::trust;
use crate::authority::trust::command::of_machine;
use crate::config::{Own, Surroundings};
use crate::doctor::{Scene, examine, is_sound, lines, probe};

/// Looks at the clients of this machine.
pub fn run(settings: &Settings) -> Result<ExitCode> {
    let snapshot = crossing::as_if_on(load::load(settings)?.config)?;
    let config = &snapshot.config;
    let surroundings = Surroundings::of_process();
    let run = of_machine(&surroundings);
    let authority = trust::Scene::read(&config.data, &surroundings, &run)?;
    let scene = Scene {
        surroundings: &surroundings,
        run: &run,
        authority: authority.authority,
        own: Own {
            listen: Some(config.listen),
            public_url: config.public_url.clone(),
        },
        hosts: hosts(&snapshot),
        proxy: config
            .network
            .proxy
            .map(|proxy| proxy.to_string())
            .unwrap_or_default(),
    };
    let network = probe::Network::new(scene.authority.clone())?;
    let findings = examine(&scene, &network);
    if findings.is_empty() {
        complain("no client was found on the PATH");
    }
    lines(&findings).iter().for_each(|line| say(line));
    Ok(match is_sound(&findings) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The registries' hosts that are known, of the repository that network mode serves.
fn hosts(snapshot: &Snapshot) -> Vec<(Ecosystem, String)> {
    let upstreams = snapshot.registries.upstreams();
    let of = upstreams.flat_map(|upstream| {
        let ecosystem = upstream.settings.ecosystem;
        let names = upstream.host_names().into_iter();
        names.map(move |name| (ecosystem, name))
    });
    of.collect()
}
