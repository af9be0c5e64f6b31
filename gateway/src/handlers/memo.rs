//! Rendered documents, remembered with everything they depend on in the key: a change of rules needs no sweep.

use std::sync::Arc;
use std::time::SystemTime;

use moka::future::Cache as Table;
use tokio::sync::Semaphore;

use super::encode::{Coding, Prepared, Variant};
use crate::config::Limits;
use crate::failure::Failure;

/// A bounded table of rendered documents.
pub struct Memo {
    documents: Table<String, Arc<Prepared>>,
    work: Arc<Semaphore>,
}

impl Memo {
    pub fn new(limits: &Limits) -> Self {
        let documents = Table::builder()
            .max_capacity(limits.memo_bytes)
            .weigher(|_, prepared: &Arc<Prepared>| prepared.weight())
            .build();
        let parallel = limits.render_parallel.max(1);
        Self {
            documents,
            work: Arc::new(Semaphore::new(parallel)),
        }
    }

    /// The document of a key, if it is rendered and its verdicts still stand.
    pub async fn known(&self, key: &str, now: SystemTime) -> Option<Arc<Prepared>> {
        let known = self.documents.get(key).await?;
        if known.is_valid(now) {
            return Some(known);
        }
        self.documents.invalidate(key).await;
        None
    }

    /// The document of a key, rendered once however many ask for it at the same time.
    pub async fn document(
        &self,
        key: String,
        render: impl Future<Output = Result<Prepared, Failure>>,
    ) -> Result<Arc<Prepared>, Failure> {
        let work = Arc::clone(&self.work);
        let load = async move {
            let _turn = work.acquire().await;
            Ok(Arc::new(render.await?))
        };
        let made = self.documents.try_get_with(key, load).await;
        made.map_err(|failure: Arc<Failure>| Failure::clone(&failure))
    }

    /// A document in the coding that the client takes.
    pub async fn variant(&self, prepared: &Prepared, coding: Coding) -> Variant {
        prepared.variant(coding, &self.work).await
    }
}
