//! How times and sizes are written in the configuration: `10s`, `3m`, `7d`; `64KiB`, `5GiB`.
//!
//! Not for the ages of rules: those are parsed by the crate `rules`.

use std::time::Duration;

const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads a time such as `10s`; the message says how to write one.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    scaled(text, &TIMES)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is no time; write a number and ms, s, m, h or d: \"10s\""))
}

/// Reads a size such as `64KiB`; the message says how to write one.
pub fn parse_size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES).ok_or_else(|| {
        format!("`{text}` is no size; write a number and B, KiB, MiB, GiB or TiB: \"64KiB\"")
    })
}

/// Writes a number of bytes in the largest unit that needs no fraction.
pub fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES[..5])
}

/// Writes a time in the largest unit that needs no fraction.
pub fn show_time(time: Duration) -> String {
    show(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), &TIMES)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim();
    let (_, factor) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(value: u64, units: &[(&str, u64)]) -> String {
    let whole = |&&(_, factor): &&(&str, u64)| value >= factor && value.is_multiple_of(factor);
    match units.iter().rev().find(whole) {
        Some((name, factor)) => format!("{}{name}", value / factor),
        None => format!("{value}{}", units[0].0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_and_show() {
        for (text, milliseconds) in [("10s", 10_000), ("3m", 180_000), ("7d", 604_800_000)] {
            assert_eq!(
                parse_time(text).unwrap(),
                Duration::from_millis(milliseconds)
            );
            assert_eq!(show_time(Duration::from_millis(milliseconds)), text);
        }
        for (text, bytes) in [("64KiB", 65_536), ("5GiB", 5 << 30), ("100B", 100)] {
            assert_eq!(parse_size(text).unwrap(), bytes);
            assert_eq!(show_size(bytes), text);
        }
        assert_eq!(parse_size("10 mb").unwrap(), 10_000_000);
        assert_eq!(show_time(Duration::ZERO), "0ms");
    }

    #[test]
    fn what_is_neither_says_how_to_write_it() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 weeks",
            "99999999999999999999s",
        ] {
            assert!(parse_time(text).unwrap_err().contains("\"10s\""), "{text}");
        }
        for text in ["", "KiB", "1 pound", "99999999999TiB"] {
            assert!(
                parse_size(text).unwrap_err().contains("\"64KiB\""),
                "{text}"
            );
        }
    }
}
