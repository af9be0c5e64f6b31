//! Who imitates whom, found once: a check costs microseconds, and names are asked for again and again.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::lookalike::LookAlike;
use crate::package::PackageName;

/// Findings of one policy, in shards so that cores do not wait for each other.
#[derive(Debug, Default)]
pub(super) struct Imitations {
    shards: [RwLock<HashMap<PackageName, Option<Arc<LookAlike>>>>; SHARDS],
}

const SHARDS: usize = 16;
/// A full shard is emptied: what is asked for often is soon found again.
const SHARD_NAMES_MAX: usize = 4096;

impl Imitations {
    /// What was found of a name, or what `find` finds now.
    pub(super) fn of(
        &self,
        package: &PackageName,
        find: impl FnOnce() -> Option<LookAlike>,
    ) -> Option<Arc<LookAlike>> {
        let shard = &self.shards[shard_of(package)];
        // A poisoned shard is only a slower one.
        if let Ok(known) = shard.read()
            && let Some(found) = known.get(package)
        {
            return found.clone();
        }
        let found = find().map(Arc::new);
        if let Ok(mut known) = shard.write() {
            if known.len() >= SHARD_NAMES_MAX {
                known.clear();
            }
            known.insert(package.clone(), found.clone());
        }
        found
    }
}

fn shard_of(package: &PackageName) -> usize {
    let sum = package
        .coordinate()
        .bytes()
        .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    usize::from(sum) % SHARDS
}
