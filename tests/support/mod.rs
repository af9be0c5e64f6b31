//! What every test stands on: the built program, scripted upstreams, real clients, tiny packages.
//!
//! Nothing here is asynchronous and nothing waits for a fixed time: [`eventually`] polls with a
//! bound, and scripted upstreams hold their answers behind a [`registry::Gate`] until told.

pub mod clients;
pub mod gateway;
pub mod hosted;
pub mod http;
pub mod packages;
pub mod publish;
pub mod registry;
pub mod tls;

use std::time::{Duration, Instant};

/// The longest that any condition is waited for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls `condition` until it holds; fails the test with `what` when it does not within
/// [`PATIENCE`].
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(within(PATIENCE, condition), "never happened: {what}");
}

/// Polls `condition` until it holds or `bound` is over; tells whether it held.
pub fn within(bound: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + bound;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
