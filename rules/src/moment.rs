//! Moments as documents and operators write them (RFC 3339), in the system's clock.
//!
//! Nothing here asks what time it is.

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

/// Reads the end of a day (`2027-01-31`), or a moment.
pub fn read_end(text: &str) -> Option<SystemTime> {
    if text.len() == 10 {
        let midnight = read(&format!("{text}T00:00:00Z"))?;
        return midnight.checked_add(Duration::from_secs(86_400));
    }
    read(text)
}

/// `2026-11-22T07:24:17` in UTC; what is before 1970 is shown as its beginning.
pub fn show(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// The civil date of a day after 1970-01-01, by whole eras of 400 years, with years counted from March.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, next) = if month_from_march < 10 {
        (month_from_march + 3, 0)
    } else {
        (month_from_march - 9, 1)
    };
    (era * 400 + year_of_era + next, month, day)
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
    fn moments_are_shown_as_civil_dates() {
        for text in [
            "1970-01-01T00:00:00",
            "2000-02-28T23:59:59",
            "2000-02-29T00:00:00",
            "2024-12-31T23:59:59",
            "2100-03-01T00:00:00",
        ] {
            assert_eq!(show(read(text).unwrap()), text);
        }
        assert_eq!(show(read_end("2027-01-31").unwrap()), "2027-02-01T00:00:00");
        assert_eq!(read_end("31.01.2027"), None);
    }

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
