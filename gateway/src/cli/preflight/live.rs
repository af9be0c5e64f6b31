//! Asking a running gateway.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rules::Ecosystem;

use crate::bounds::Budget;
use crate::config::{self, Limits, Source};
use crate::origin::upstream::{Conditions, Fetched, Fetcher, Upstream};
use crate::preflight::exchange::{Answer, Answered, Asked, Question};
use crate::protocol::Location;

/// How many versions are asked about at once.
const BATCH: usize = 100;
/// How long a gateway may think about them: it may have to fetch every index first.
const THOUGHT: Duration = Duration::from_secs(600);
/// No answer is longer.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// What the gateway at this address says of these versions.
pub async fn ask(gateway: &str, repository: &str, questions: &[Question]) -> Result<Vec<Answer>> {
    let limits = Limits {
        first_byte: THOUGHT,
        idle: THOUGHT,
        ..Limits::default()
    };
    let address = config::upstream::Address::parse(gateway)
        .map_err(|message| anyhow::anyhow!("--gateway: {message}"))?;
    let settings = config::Upstream {
        id: "gateway".to_owned(),
        // It speaks for all of them; nothing that is done here looks at it.
        ecosystem: Ecosystem::Npm,
        url: address.url,
        hosts: Vec::new(),
        credentials: address.credentials,
        allow_private: true,
        source: Source::Configuration,
    };
    let upstream = Upstream::new(settings, &limits).context("--gateway: no address")?;
    let fetcher = Fetcher {
        network: &Arc::default(),
        upstream: &Arc::new(upstream),
        limits: &limits,
        metrics: None,
        same_thing: &|_| true,
    };
    let mut answers = Vec::with_capacity(questions.len());
    for batch in questions.chunks(BATCH) {
        let asked = Asked {
            packages: batch.to_vec(),
        };
        answers.extend(exchanged(&fetcher, repository, &asked).await?.packages);
    }
    Ok(answers)
}

async fn exchanged(fetcher: &Fetcher<'_>, repository: &str, asked: &Asked) -> Result<Answered> {
    let path = Location::Path(format!("-/preflight/{repository}"));
    let url = fetcher
        .upstream
        .address(&path)
        .map_err(anyhow::Error::msg)?;
    let conditions = Conditions {
        method: "POST",
        accept: "application/json",
        body: Some(serde_json::to_vec(asked)?.into()),
        ..Conditions::default()
    };
    let fetched = fetcher.fetch(url.clone(), &conditions).await;
    match fetched.map_err(|fault| anyhow::anyhow!("{url}: {}", fault.detail))? {
        Fetched::Body(responded) => {
            let mut memory = Budget::new(ANSWER_BYTES_MAX).reservation();
            let body = responded.bytes(ANSWER_BYTES_MAX, &mut memory).await;
            let body = body.map_err(|fault| anyhow::anyhow!("{url}: {}", fault.detail))?;
            serde_json::from_slice(&body).context("what the gateway answered can't be read")
        }
        _ => bail!("{url} is no gateway of this kind, or it has no repository {repository}"),
    }
}
