//! `portcullis doctor`: exit status 0 if every client trusts and reaches the gateway, else 1.

use std::process::ExitCode;

use anyhow::Result;
use rules::Ecosystem;

use super::{Settings, complain, crossing, load, say};
use crate::app::Snapshot;
use crate::authority::trust;
use crate::authority::trust::command::of_machine;
use crate::config::{Config, Own, Surroundings};
use crate::doctor::{Scene, examine, is_sound, lines, probe};
use crate::edge::host_without_port;

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
        proxy: proxy(config),
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

/// The proxy as a client names it; empty where there is none. One that listens at every address is named by the
/// gateway's public host.
fn proxy(config: &Config) -> String {
    let Some(proxy) = config.network.proxy else {
        return String::new();
    };
    if !proxy.ip().is_unspecified() {
        return format!("http://{proxy}");
    }
    let public = config
        .public_url
        .as_deref()
        .and_then(|url| url.split("://").nth(1));
    let host = public.map_or("GATEWAY", host_without_port);
    format!("http://{host}:{}", proxy.port())
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
