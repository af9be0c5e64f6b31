//! Upload times: RFC 3339 read into the system's clock. PEP 700 wants
//! `yyyy-mm-ddThh:mm:ss.ffffffZ`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads a time stamp. An offset may be missing: old documents of the JSON API mean UTC then.
pub fn read(text: &str) -> Option<SystemTime> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 19 {
        return None;
    }
    let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    if separators
        .iter()
        .any(|(at, wanted)| !wanted.contains(&bytes[*at]))
        || !b"Tt ".contains(&bytes[10])
    {
        return None;
    }
    let (year, month, day) = (
        number(text, 0, 4)?,
        number(text, 5, 7)?,
        number(text, 8, 10)?,
    );
    let (hour, minute) = (number(text, 11, 13)?, number(text, 14, 16)?);
    let second = number(text, 17, 19)?;
    let legal = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !legal || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanoseconds, zone) = fraction(&text[19..])?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(seconds - offset(zone)?).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

fn number(text: &str, start: usize, end: usize) -> Option<i64> {
    let digits = text.get(start..end)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// The nanoseconds of `.123456Z`, and what stands behind them.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(text) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let digits = &text[..length.min(9)];
    let scale = 10_u32.pow(u32::try_from(9 - digits.len()).ok()?);
    Some((digits.parse::<u32>().ok()? * scale, &text[length..]))
}

/// The seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    Some(sign * (number(zone, 1, 3)? * 3_600 + number(zone, 4, 6)? * 60))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, with years counted from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let table = [
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("2000-02-29T12:30:15.250000Z", Some(951_827_415.25)),
            ("2024-12-31T23:59:59+00:00", Some(1_735_689_599.0)),
            ("2024-12-31T23:59:59+01:30", Some(1_735_684_199.0)),
            ("2024-12-31T23:59:59", Some(1_735_689_599.0)),
            ("2024-13-01T00:00:00Z", None),
            ("2024-12-01", None),
            ("2024-12-31T23:59:59.Z", None),
            ("2024-12-31T23:59:59éé", None),
            ("+024-12-31T23:59:59Z", None),
        ];
        for (text, expected) in table {
            let read =
                read(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64());
            assert_eq!(read, expected, "{text}");
        }
    }
}
