//! Connections that were meant for others: what became of them, and how much went by unread.

use prometheus::IntCounterVec;

use super::{Metrics, Table};
use crate::edge::network::Passage;
use crate::exchange::Mode;

pub(super) struct Crossing {
    connections: IntCounterVec,
    tunnelled_bytes: IntCounterVec,
    requests: IntCounterVec,
}

impl Crossing {
    pub(super) fn new(table: &Table) -> Self {
        let connections =
            "Connections to the proxy, or brought here by the network, by what became of them.";
        let bytes = "Bytes of connections that went by unread.";
        let requests = "Requests answered, by the way they came in.";
        let crossing = Self {
            connections: table.counters(
                "network_connections_total",
                connections,
                &["mode", "outcome"],
            ),
            tunnelled_bytes: table.counters("tunnelled_bytes_total", bytes, &["mode", "direction"]),
            requests: table.counters("mode_requests_total", requests, &["mode", "verdict"]),
        };
        // What never happened is a zero, not a gap.
        for mode in [Mode::Forward, Mode::Network] {
            for passage in Passage::ALL {
                let labels = [mode.as_str(), passage.as_str()];
                crossing.connections.with_label_values(&labels);
            }
            for direction in DIRECTIONS {
                let labels = [mode.as_str(), direction];
                crossing.tunnelled_bytes.with_label_values(&labels);
            }
        }
        crossing
    }

    /// Counts a request that came in by another way than the gateway's own address.
    pub(super) fn request(&self, mode: Mode, verdict: &str) {
        self.requests
            .with_label_values(&[mode.as_str(), verdict])
            .inc();
    }
}

const DIRECTIONS: [&str; 2] = ["from_client", "to_client"];

impl Metrics {
    /// Counts what became of a connection that was meant for another.
    pub fn passed(&self, mode: Mode, passage: Passage) {
        let labels = [mode.as_str(), passage.as_str()];
        self.crossing.connections.with_label_values(&labels).inc();
    }

    /// Counts bytes that went by unread.
    pub fn carried(&self, mode: Mode, from_client: u64, to_client: u64) {
        for (direction, bytes) in DIRECTIONS.into_iter().zip([from_client, to_client]) {
            let labels = [mode.as_str(), direction];
            self.crossing
                .tunnelled_bytes
                .with_label_values(&labels)
                .inc_by(bytes);
        }
    }
}
