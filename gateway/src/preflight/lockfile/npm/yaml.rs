//! YAML documents into types, with every bound of the parser set.

use serde::de::DeserializeOwned;
use serde_saphyr::{budget, options};

/// How deep maps and lists may nest; pnpm and Yarn need fewer than ten.
const DEPTH_MAX: usize = 64;

/// How many parser events one file may give: a lockfile of 64 MB has fewer.
const EVENTS_MAX: usize = 16_000_000;

/// Anchors and aliases: no package manager writes any.
const ALIASES_MAX: usize = 16;

/// Reads all documents of a stream: pnpm 11 puts one for its own tools before the project's.
pub(crate) fn documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, String> {
    let options = options! {
        budget: budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_events: EVENTS_MAX,
            max_nodes: EVENTS_MAX,
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            max_total_scalar_bytes: text.len(),
            max_documents: 8,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_multiple_with_options(text, options).map_err(|error| error.to_string())
}
