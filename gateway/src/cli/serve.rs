//! `portcullis serve`: bind, print the addresses and the table of upstreams, answer until told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use super::load::{self, Loaded};
use super::{Settings, announce, complain, crossing, descriptors, reload, say, subscribe, upkeep};
use crate::admin::Admin;
use crate::app::{App, Snapshot};
use crate::config::{Config, Log, Source};
use crate::edge::{self, Answerer, Crew, Listener, Speaks, Tls};
use crate::handlers::Gateway;
use crate::observe::access::AccessLog;
use crate::origin::UpstreamTable;
use crate::state::State;

/// Runs the gateway until SIGTERM or SIGINT.
pub fn run(settings: Settings) -> Result<ExitCode> {
    let loaded = load::load(&settings)?;
    start_log(loaded.config.log);
    // Accepting, reloading and the cache's housekeeping; requests are served by the crew's threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(serve(settings, loaded))?;
    // Reads that hang in the kernel must not keep the process.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: Settings, loaded: Loaded) -> Result<()> {
    descriptors::raise(loaded.config.limits.connections);
    let hangup = signal(SignalKind::hangup())?;
    let mut listener = bind(loaded.config.listen, "listen").await?;
    let tls = loaded.config.tls.as_ref().map(Tls::new).transpose()?;
    let tls = tls.map(Arc::new);
    if let Some(tls) = &tls {
        listener.speaks = Speaks::Https(Arc::clone(tls));
    }
    let admin = bind(loaded.config.admin, "admin").await?;
    let address = listener.address;
    let public_url = loaded.config.seen_at(address);
    let mut announcement = format!(
        "portcullis listening {}://{address} admin http://{}",
        loaded.config.scheme(),
        admin.address
    );
    let table = upstream_table(&loaded.config, &public_url);
    let app = open(loaded.config, public_url).await?;
    let taken = [address.port(), admin.address.port()];
    let crossings = crossing::listeners(&app, taken).await?;
    let gateway: Arc<dyn Answerer> = Arc::new(Gateway(Arc::clone(&app)));
    let operators: Arc<dyn Answerer> = Arc::new(Admin(Arc::clone(&app)));
    let mut listeners = vec![(listener, Arc::clone(&gateway)), (admin, operators)];
    let interception = crossings.map(|crossings| {
        announcement.push_str("\nnetwork mode");
        for (name, listener) in crossings.listeners {
            announcement.push_str(&format!(" {name} {}", listener.address));
            listeners.push((listener, Arc::clone(&gateway)));
        }
        crossings.interception
    });
    let (stop, stopped) = watch::channel(false);
    let serving = start(listeners, &stopped)?;
    say(&announcement);
    say(&table);
    for note in &loaded.notes {
        complain(&format!("note: {note}"));
    }
    let watched = reload::Watched {
        file: loaded.file,
        stamp: loaded.stamp,
        hangup,
    };
    let served = reload::Served {
        app: Arc::clone(&app),
        address,
        tls,
    };
    let mut beside = JoinSet::new();
    beside.spawn(reload::watch(served, settings, watched));
    beside.spawn(announce::announce(Arc::clone(&app)));
    beside.spawn(subscribe::poll(Arc::clone(&app)));
    beside.spawn(upkeep::look(Arc::clone(&app)));
    beside.spawn(upkeep::tidy(Arc::clone(&app)));
    if let Some(interception) = interception {
        beside.spawn(crossing::watch(Arc::clone(&app), interception));
    }
    wait_for_end().await?;
    tracing::info!("stopping: running requests may end");
    let _ = stop.send(true);
    beside.abort_all();
    serving.join_all().await;
    app.observer.trail.finish().await;
    app.state.close().await;
    app.observer.access.finish();
    Ok(())
}

/// Serves each listener until `stopped` turns true.
fn start(
    listeners: Vec<(Listener, Arc<dyn Answerer>)>,
    stopped: &watch::Receiver<bool>,
) -> Result<JoinSet<()>> {
    let crew = Arc::new(Crew::of_this_machine().context("no thread to serve with")?);
    let mut serving = JoinSet::new();
    for (listener, answerer) in listeners {
        let crew = Arc::clone(&crew);
        serving.spawn(edge::serve(listener, answerer, crew, stopped.clone()));
    }
    Ok(serving)
}

/// Opens what the program works with. Feeds that were never fetched are waited for.
async fn open(config: Config, public_url: String) -> Result<Arc<App>> {
    subscribe::complete(&config).await?;
    let knowledge = load::knowledge(&config)?;
    let (data, place) = (config.data.clone(), config.state.clone());
    let snapshot = Snapshot::build(config, knowledge, &UpstreamTable::new(), public_url)
        .map_err(|findings| anyhow!(load::lines(&findings)))?;
    let access = AccessLog::start(snapshot.config.log).context("no thread for the access log")?;
    let state = State::open(&place).await;
    let state = state.with_context(|| format!("state.url: {place}"))?;
    let app = App::open(snapshot, &data, access, state)
        .await
        .with_context(|| format!("{} can't be opened", data.display()))?;
    Ok(Arc::new(app))
}

pub async fn bind(address: std::net::SocketAddr, key: &str) -> Result<Listener> {
    Listener::bind(address).await.with_context(|| {
        format!("{address} can't be listened on; choose another with --{key} or `{key}` in portcullis.toml")
    })
}

async fn wait_for_end() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Logs go to standard error; standard output holds the bound addresses.
fn start_log(form: Log) {
    let filter = EnvFilter::try_from_env("PORTCULLIS_LOG").unwrap_or_else(|_| {
        // What a client does wrong in HTTP/2 is no warning to the operator.
        let framework = crate::origin::upstream::LOG_FILTER;
        EnvFilter::new(format!("info,h2=error,{framework}"))
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match form {
        Log::Human => log.with_ansi(false).try_init(),
        Log::Json => log.json().try_init(),
    };
    if let Err(error) = started {
        complain(&format!("portcullis: no log: {error}"));
    }
}

/// Ecosystem, upstream, where its address came from, and the command that uses it.
fn upstream_table(config: &Config, public_url: &str) -> String {
    let mut rows =
        vec![["ecosystem", "upstream", "address from", "use it with"].map(str::to_owned)];
    for repository in &config.repositories {
        let name = &repository.spec.name;
        for (ecosystem, upstream) in &repository.upstream {
            let base = format!("{public_url}/{ecosystem}/{name}/");
            let command = match ecosystem {
                rules::Ecosystem::Npm => format!("npm --registry {base} install NAME"),
                rules::Ecosystem::Pypi => format!("pip install --index-url {base}simple/ NAME"),
                rules::Ecosystem::Maven => format!("portcullis setup maven --repository {name}"),
                rules::Ecosystem::Generic => continue,
            };
            let source = match &upstream.source {
                Source::Configuration => "configuration".to_owned(),
                Source::Discovered(text) => text.clone(),
            };
            rows.push([ecosystem.to_string(), upstream.url.clone(), source, command]);
        }
    }
    aligned(&rows)
}

fn aligned(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let line = |row: &[String; 4]| {
        let [a, b, c, d] = row;
        format!(
            "{a:<0$}  {b:<1$}  {c:<2$}  {d}",
            widths[0], widths[1], widths[2]
        )
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
