//! What the hosted packages need while the program runs: changes of other processes, versions whose client said no more,
//! bytes that no version names.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::hosted::Shelf;

/// A change made by another process is seen after this long.
const LOOK: Duration = Duration::from_millis(500);
const COLLECTED_EVERY: Duration = Duration::from_secs(3600);
/// Bytes without a version are left alone for so long: their record may be on its way.
const SPARED: Duration = Duration::from_secs(86_400);
const PAGE: u32 = 10_000;

/// Runs until aborted.
pub async fn run(app: Arc<App>) {
    let mut looks = tokio::time::interval(LOOK);
    let mut collections = tokio::time::interval(COLLECTED_EVERY);
    loop {
        tokio::select! {
            _ = looks.tick() => {
                finish_deployments(&app).await;
                if let Err(error) = app.shelf.refresh().await {
                    tracing::error!(%error, "changes of what is published are not seen");
                }
            }
            _ = collections.tick() => collect(&app.shelf).await,
        }
    }
}

/// Maven versions that are whole although no metadata came.
async fn finish_deployments(app: &App) {
    let now = SystemTime::now();
    for place in app.building.due(now) {
        let Some(submission) = app.building.submission(&place, now) else {
            app.building.forget(&place);
            continue;
        };
        match app.state.commit(&submission).await {
            Ok(committed) => {
                tracing::info!(?committed, package = %place.package, "a deployment without metadata ended");
                app.building.forget(&place);
            }
            Err(error) => tracing::error!(%error, package = %place.package, "not published yet"),
        }
    }
}

async fn collect(shelf: &Shelf) {
    let mut used = HashSet::<String>::new();
    let mut after = String::new();
    loop {
        match shelf.state.blobs_in_use(&after, PAGE).await {
            Ok(page) => {
                let is_last = page.len() < PAGE as usize;
                after = page.last().cloned().unwrap_or_default();
                used.extend(page);
                if is_last {
                    break;
                }
            }
            Err(error) => return tracing::warn!(%error, "unused bytes are not collected"),
        }
    }
    let Some(before) = SystemTime::now().checked_sub(SPARED) else {
        return;
    };
    let blobs = shelf.blobs.clone();
    let collected =
        tokio::task::spawn_blocking(move || blobs.collect(|sha256| used.contains(sha256), before));
    match collected.await {
        Ok(Ok(collected)) if collected.count > 0 => {
            let (count, bytes) = (collected.count, collected.bytes);
            tracing::info!(count, bytes, "unused bytes of published files removed");
        }
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "unused bytes are not collected"),
        Err(error) => tracing::warn!(%error, "unused bytes are not collected"),
    }
}
