//! Every bound of the gateway, in one table: sizes, counts and times, each by name.
//!
//! A wait without a deadline or a queue without a bound is a fault; whoever adds one adds its row
//! here. The README's table and the `[limits]` section of `portcullis.toml` are made from the rows.

mod row;

use std::time::Duration;

use row::{count, size, time};

pub use row::{Field, Row, Unit};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Writes the struct and the table from the rows, so that neither can lack one.
macro_rules! limits {
    ($($field:ident: $unit:ident as $kind:ty = $form:ident($($value:expr),+), $doc:literal;)+) => {
        /// The bounds as used. [`ROWS`] has the same with defaults and units.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $doc] pub $field: $kind,)+
        }

        /// The table.
        pub const ROWS: &[Row] = &[
            $($form(stringify!($field), $($value,)+ $doc, |limits| {
                Field::$unit(&mut limits.$field)
            }),)+
        ];

        impl Limits {
            const ZERO: Limits = Limits { $($field: limits!(@zero $unit),)+ };
        }
    };
    (@zero Time) => { Duration::ZERO };
    (@zero $other:ident) => { 0 };
}

// Upstream deadlines are shorter than the shortest client's (pip: 15 s).
limits! {
    // Clients
    connections: Count as usize = count(10_000, 1),
        "client connections at once";
    streams: Count as usize = count(100, 1),
        "requests at once on one HTTP/2 connection";
    head_bytes: Bytes as u64 = size(32 * KIB),
        "largest request head";
    head_fields: Count as usize = count(100, 8),
        "most fields in a request head";
    head_deadline: Time as Duration = time(10, 1),
        "time for a request head to arrive";
    target_bytes: Bytes as u64 = size(8 * KIB),
        "longest request target";
    keepalive_idle: Time as Duration = time(60, 0),
        "how long an idle client connection stays open";
    request_body_bytes: Bytes as u64 = size(10 * MIB),
        "largest request body that is no upload of an artifact";
    request_memory_bytes: Bytes as u64 = size(256 * MIB),
        "memory for all request bodies at once; more are refused with 503";
    upload_bytes: Bytes as u64 = size(GIB),
        "largest upload of a published artifact, as sent (npm sends 4/3 of it)";
    upload_stall: Time as Duration = time(30, 1),
        "longest pause inside an upload";
    uploads: Count as usize = count(64, 1),
        "uploads that arrive or are published at once; more are refused with 503";
    deployments: Count as usize = count(1000, 1),
        "Maven versions that arrive at once, file by file; more are refused with 503";
    body_deadline: Time as Duration = time(60, 1),
        "time for a request body that is no upload to arrive";
    write_stall: Time as Duration = time(30, 1),
        "how long a client may take no bytes before it is dropped";
    minimum_rate: Bytes as u64 = size(KIB),
        "fewest bytes a second of a body, either way, after the first 30s";
    audit_kept: Time as Duration = time(90 * 86_400, 60),
        "how long decisions stay in the audit trail";
    tunnel_idle: Time as Duration = time(600, 1),
        "longest silence of a connection that goes by unread";
    drain: Time as Duration = time(10, 0),
        "time for running requests to end when the gateway stops";
    // Upstreams
    resolve: Time as Duration = time(5, 1),
        "time to resolve the name of an upstream";
    connect: Time as Duration = time(3, 1),
        "time to connect to an upstream, TLS included";
    first_byte: Time as Duration = time(10, 1),
        "time for an upstream's answer to begin";
    idle: Time as Duration = time(10, 1),
        "longest silence inside an upstream's answer";
    redirects: Count as usize = count(5, 0),
        "most redirects followed for one upstream request";
    upstream_concurrency: Count as usize = count(64, 1),
        "requests at once to one upstream";
    upstream_queue: Count as usize = count(1024, 0),
        "requests waiting for one upstream; more are refused with 503";
    upstream_rest: Time as Duration = time(5, 0),
        "how long a failed upstream is not asked again where a stale copy can be served";
    document_bytes: Bytes as u64 = size(100 * MIB),
        "largest index document taken from an upstream";
    document_deadline: Time as Duration = time(60, 1),
        "time for a whole index document to arrive";
    document_memory_bytes: Bytes as u64 = size(GIB),
        "memory for all documents that arrive at once; more are refused with 503";
    artifact_bytes: Bytes as u64 = size(5 * GIB),
        "largest artifact, fetched or published";
    // Cache
    cache_bytes: Bytes as u64 = size(50 * GIB),
        "disk space of the cache";
    cache_memory_bytes: Bytes as u64 = size(256 * MIB),
        "memory for small bodies of the cache";
    memo_bytes: Bytes as u64 = size(256 * MIB),
        "memory for rendered documents";
    render_parallel: Count as usize = count(2, 1),
        "index documents rendered at once";
    negative_ttl: Time as Duration = time(60, 0),
        "how long an upstream's `not there` is believed";
    fresh_npm: Time as Duration = time(300, 0),
        "how long an npm packument is served unasked";
    fresh_pypi: Time as Duration = time(300, 0),
        "how long a PyPI index page is served unasked";
    fresh_maven: Time as Duration = time(900, 0),
        "how long Maven metadata is served unasked";
}

impl Default for Limits {
    fn default() -> Self {
        let mut limits = Limits::ZERO;
        for row in ROWS {
            // A default below its own least would stay zero; a test shows that there is none.
            let _ = row.set(&mut limits, row.default);
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_a_field_of_its_own_and_settable() {
        let shown = format!("{:?}", Limits::default());
        assert_eq!(
            shown.matches(": ").count(),
            ROWS.len(),
            "a field without a row"
        );
        for row in ROWS {
            assert!(
                shown.contains(&format!("{}: ", row.name)),
                "{} is no field",
                row.name
            );
            let mut limits = Limits::ZERO;
            row.set_text(&mut limits, &row.default_text()).unwrap();
            let set = format!("{limits:?}");
            let zero = format!("{:?}", Limits::ZERO);
            let differing: Vec<_> = set
                .split(", ")
                .zip(zero.split(", "))
                .filter(|(a, b)| a != b)
                .collect();
            assert_eq!(differing.len(), 1, "{} sets one field", row.name);
            assert!(
                differing[0].0.contains(&format!("{}: ", row.name)),
                "{}",
                row.name
            );
            assert!(!row.doc.is_empty());
        }
        assert_eq!(Limits::default().head_bytes, 32_768);
        assert_eq!(Limits::default().connect, Duration::from_secs(3));
    }

    #[test]
    fn wrong_values_say_what_to_write() {
        let row = |name| ROWS.iter().find(|row| row.name == name).unwrap();
        let mut limits = Limits::default();
        for (name, value, says) in [
            ("connect", "soon", "\"10s\""),
            ("connect", "0s", "at least 1s"),
            ("head_bytes", "1B", "at least 1KiB"),
            ("connections", "many", "10000"),
        ] {
            let message = row(name).set_text(&mut limits, value).unwrap_err();
            assert!(message.contains(says), "{name} = {value}: {message}");
        }
        assert!(
            row("connect")
                .set_integer(&mut limits, 3)
                .unwrap_err()
                .contains("\"3s\"")
        );
        assert!(
            row("redirects")
                .set_integer(&mut limits, -1)
                .unwrap_err()
                .contains("below zero")
        );
        row("head_bytes").set_integer(&mut limits, 65_536).unwrap();
        assert_eq!(limits.head_bytes, 65_536);
    }
}
