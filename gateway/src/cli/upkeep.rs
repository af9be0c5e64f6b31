//! What the hosted packages need while the program runs: changes of other processes, versions whose client said no more,
//! bytes that no version names.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::hosted::Shelf;
use crate::state::Committed;

/// A change made by another process is seen after this long.
const LOOK: Duration = Duration::from_millis(500);
const COLLECTED_EVERY: Duration = Duration::from_secs(3600);
/// Bytes without a version are left alone for so long: their record may be on its way.
const SPARED: Duration = Duration::from_secs(7 * 86_400);
const PAGE: u32 = 10_000;

/// Looks for changes until aborted.
pub async fn look(app: Arc<App>) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        finish_deployments(&app).await;
        if let Err(error) = app.shelf.refresh().await {
            tracing::error!(%error, "changes of what is published are not seen");
        }
    }
}

/// Collects unused bytes until aborted; never right after the start, when an operator may still notice a wrong database.
pub async fn tidy(app: Arc<App>) {
    loop {
        tokio::time::sleep(COLLECTED_EVERY).await;
        collect(&app.shelf).await;
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
            Ok(Committed::Conflict(conflict)) => {
                tracing::error!(?conflict, package = %place.package, "a deployment is not published");
                app.building.forget(&place);
            }
            Ok(_) => {
                tracing::info!(package = %place.package, "a deployment without metadata is published");
                app.building.published(&place, &submission);
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
    // A database that names nothing is another house's, or an empty one by mistake.
    if used.is_empty() {
        return;
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
