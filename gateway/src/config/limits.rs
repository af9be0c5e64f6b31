//! Every bound of the gateway, in one table: sizes, counts and times, each by name.
//!
//! A wait without a deadline or a queue without a bound is a fault; whoever adds one adds its row
//! here. The README's table and the `[limits]` section of `portcullis.toml` are made from the rows.

use std::time::Duration;

use super::units;

/// The bounds as used. See [`ROWS`] for what each one means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the documentation of each field is its row in ROWS"
)]
pub struct Limits {
    pub head_bytes: u64,
    pub head_fields: usize,
    pub head_deadline: Duration,
    pub target_bytes: u64,
    pub keepalive_idle: Duration,
    pub request_body_bytes: u64,
    pub document_bytes: u64,
    pub artifact_bytes: u64,
    pub redirects: usize,
    pub connect: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
    pub upstream_concurrency: usize,
    pub upstream_queue: usize,
    pub connections: usize,
    pub write_stall: Duration,
    pub cache_bytes: u64,
    pub cache_memory_bytes: u64,
    pub memo_bytes: u64,
    pub negative_ttl: Duration,
    pub fresh_npm: Duration,
    pub fresh_pypi: Duration,
    pub fresh_maven: Duration,
    pub render_parallel: usize,
}

/// What a bound counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds.
    Time,
}

/// A bound's place in [`Limits`].
pub enum Field<'a> {
    /// A size.
    Bytes(&'a mut u64),
    /// A number of things.
    Count(&'a mut usize),
    /// A time.
    Time(&'a mut Duration),
}

/// One row of the table: everything there is to say about a bound.
pub struct Row {
    /// The key below `[limits]`.
    pub name: &'static str,
    /// The default, in the unit.
    pub default: u64,
    /// The smallest value that makes sense, in the unit.
    pub least: u64,
    /// What is counted.
    pub unit: Unit,
    /// One line of documentation.
    pub doc: &'static str,
    /// The field that the row sets.
    pub field: for<'a> fn(&'a mut Limits) -> Field<'a>,
}

use Field as F;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The table. Upstream deadlines are shorter than the shortest client's (pip: 15 s).
#[rustfmt::skip]
pub const ROWS: [Row; 24] = [
    size("head_bytes", 32 * KIB, "largest request head", |l| F::Bytes(&mut l.head_bytes)),
    count("head_fields", 100, 8, "most fields in a request head", |l| F::Count(&mut l.head_fields)),
    time("head_deadline", 10, 1, "time for a request head to arrive", |l| F::Time(&mut l.head_deadline)),
    size("target_bytes", 8 * KIB, "longest request target", |l| F::Bytes(&mut l.target_bytes)),
    time("keepalive_idle", 60, 0, "how long an idle client connection stays open", |l| F::Time(&mut l.keepalive_idle)),
    size("request_body_bytes", 10 * MIB, "largest request body that is no upload of an artifact", |l| F::Bytes(&mut l.request_body_bytes)),
    size("document_bytes", 100 * MIB, "largest index document taken from an upstream", |l| F::Bytes(&mut l.document_bytes)),
    size("artifact_bytes", 5 * GIB, "largest artifact, fetched or published", |l| F::Bytes(&mut l.artifact_bytes)),
    count("redirects", 5, 0, "most redirects followed for one upstream request", |l| F::Count(&mut l.redirects)),
    time("connect", 3, 1, "time to connect to an upstream, TLS included", |l| F::Time(&mut l.connect)),
    time("first_byte", 10, 1, "time for an upstream's answer to begin", |l| F::Time(&mut l.first_byte)),
    time("idle", 10, 1, "longest silence inside an upstream's answer", |l| F::Time(&mut l.idle)),
    count("upstream_concurrency", 64, 1, "requests at once to one upstream", |l| F::Count(&mut l.upstream_concurrency)),
    count("upstream_queue", 1024, 0, "requests waiting for one upstream; more are refused with 503", |l| F::Count(&mut l.upstream_queue)),
    count("connections", 10_000, 1, "client connections at once", |l| F::Count(&mut l.connections)),
    time("write_stall", 30, 1, "how long a client may take no bytes before it is dropped", |l| F::Time(&mut l.write_stall)),
    size("cache_bytes", 50 * GIB, "disk space of the cache", |l| F::Bytes(&mut l.cache_bytes)),
    size("cache_memory_bytes", 256 * MIB, "memory for small bodies of the cache", |l| F::Bytes(&mut l.cache_memory_bytes)),
    size("memo_bytes", 256 * MIB, "memory for rendered documents", |l| F::Bytes(&mut l.memo_bytes)),
    time("negative_ttl", 60, 0, "how long an upstream's \"not there\" is believed", |l| F::Time(&mut l.negative_ttl)),
    time("fresh_npm", 300, 0, "how long an npm packument is served unasked", |l| F::Time(&mut l.fresh_npm)),
    time("fresh_pypi", 300, 0, "how long a PyPI index page is served unasked", |l| F::Time(&mut l.fresh_pypi)),
    time("fresh_maven", 900, 0, "how long Maven metadata is served unasked", |l| F::Time(&mut l.fresh_maven)),
    count("render_parallel", 2, 1, "index documents rendered at once", |l| F::Count(&mut l.render_parallel)),
];

type Place = for<'a> fn(&'a mut Limits) -> Field<'a>;

const fn size(name: &'static str, default: u64, doc: &'static str, field: Place) -> Row {
    Row {
        name,
        default,
        least: KIB,
        unit: Unit::Bytes,
        doc,
        field,
    }
}

const fn count(
    name: &'static str,
    default: u64,
    least: u64,
    doc: &'static str,
    field: Place,
) -> Row {
    Row {
        name,
        default,
        least,
        unit: Unit::Count,
        doc,
        field,
    }
}

const fn time(
    name: &'static str,
    seconds: u64,
    least_seconds: u64,
    doc: &'static str,
    field: Place,
) -> Row {
    let (default, least) = (seconds * 1_000, least_seconds * 1_000);
    Row {
        name,
        default,
        least,
        unit: Unit::Time,
        doc,
        field,
    }
}

impl Row {
    /// The default as it is written in `portcullis.toml`.
    pub fn default_text(&self) -> String {
        self.show(self.default)
    }

    /// Sets the bound from an integer; times take none, because their unit would be a guess.
    pub fn set_integer(&self, limits: &mut Limits, value: i64) -> Result<(), String> {
        if self.unit == Unit::Time {
            return Err(format!(
                "a time needs its unit; write \"{}\"",
                self.default_text()
            ));
        }
        let value = u64::try_from(value).map_err(|_| {
            format!(
                "{value} is below zero; the default is {}",
                self.default_text()
            )
        })?;
        self.set(limits, value)
    }

    /// Sets the bound from text such as `10s` or `64KiB`.
    pub fn set_text(&self, limits: &mut Limits, text: &str) -> Result<(), String> {
        let value = match self.unit {
            Unit::Bytes => units::parse_size(text)?,
            Unit::Time => u64::try_from(units::parse_time(text)?.as_millis()).unwrap_or(u64::MAX),
            Unit::Count => text
                .trim()
                .parse()
                .map_err(|_| format!("`{text}` is no whole number; write {}", self.default))?,
        };
        self.set(limits, value)
    }

    fn set(&self, limits: &mut Limits, value: u64) -> Result<(), String> {
        if value < self.least {
            let least = self.show(self.least);
            return Err(format!(
                "{} is too small; set at least {least}",
                self.show(value)
            ));
        }
        match (self.field)(limits) {
            Field::Bytes(field) => *field = value,
            Field::Count(field) => *field = usize::try_from(value).unwrap_or(usize::MAX),
            Field::Time(field) => *field = Duration::from_millis(value),
        }
        Ok(())
    }

    fn show(&self, value: u64) -> String {
        match self.unit {
            Unit::Bytes => units::show_size(value),
            Unit::Count => value.to_string(),
            Unit::Time => units::show_time(Duration::from_millis(value)),
        }
    }
}

impl Limits {
    const ZERO: Limits = Limits {
        head_bytes: 0,
        head_fields: 0,
        head_deadline: Duration::ZERO,
        target_bytes: 0,
        keepalive_idle: Duration::ZERO,
        request_body_bytes: 0,
        document_bytes: 0,
        artifact_bytes: 0,
        redirects: 0,
        connect: Duration::ZERO,
        first_byte: Duration::ZERO,
        idle: Duration::ZERO,
        upstream_concurrency: 0,
        upstream_queue: 0,
        connections: 0,
        write_stall: Duration::ZERO,
        cache_bytes: 0,
        cache_memory_bytes: 0,
        memo_bytes: 0,
        negative_ttl: Duration::ZERO,
        fresh_npm: Duration::ZERO,
        fresh_pypi: Duration::ZERO,
        fresh_maven: Duration::ZERO,
        render_parallel: 0,
    };
}

impl Default for Limits {
    fn default() -> Self {
        let mut limits = Limits::ZERO;
        for row in &ROWS {
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
        for row in &ROWS {
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
