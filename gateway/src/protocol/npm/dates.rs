//! RFC 3339 dates, as `time` holds them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2013-05-21T12:34:56.789Z` or with an offset; `None` for anything else and before 1970.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|(at, byte)| bytes.get(*at) != Some(byte))
        || !matches!(bytes.get(10), Some(b'T' | b't' | b' '))
    {
        return None;
    }
    let year = number(bytes.get(..4)?)?;
    let month = within(number(bytes.get(5..7)?)?, 1, 12)?;
    let day = within(number(bytes.get(8..10)?)?, 1, month_days(year, month))?;
    let hour = within(number(bytes.get(11..13)?)?, 0, 23)?;
    let minute = within(number(bytes.get(14..16)?)?, 0, 59)?;
    // A leap second is the first second of the next minute.
    let second = within(number(bytes.get(17..19)?)?, 0, 60)?;
    let (nanoseconds, zone) = fraction(bytes.get(19..)?)?;
    let local = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(local - offset(zone)?).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

/// The digits after the point, cut to nanoseconds, and what follows them.
fn fraction(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some((0, bytes));
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let nanoseconds = (0..9).fold(0, |value, place| {
        let digit = if place < digits {
            rest[place] - b'0'
        } else {
            0
        };
        value * 10 + u32::from(digit)
    });
    Some((nanoseconds, &rest[digits..]))
}

/// Seconds east of Greenwich.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, clock) = match zone {
        b"Z" | b"z" => return Some(0),
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return None,
    };
    if clock.len() != 5 || clock[2] != b':' {
        return None;
    }
    let hours = within(number(&clock[..2])?, 0, 23)?;
    let minutes = within(number(&clock[3..])?, 0, 59)?;
    Some(sign * (hours * 3_600 + minutes * 60))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last one.
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let all = digits.iter().all(u8::is_ascii_digit);
    all.then(|| {
        digits
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
    })
}

fn within(value: i64, least: i64, most: i64) -> Option<i64> {
    (least..=most).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00.000Z", 951_782_400_000),
            ("2013-05-21T12:34:56.789Z", 1_369_139_696_789),
            ("2013-05-21T14:34:56.789123456789+02:00", 1_369_139_696_789),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] {
            let elapsed = parse(text).unwrap().duration_since(UNIX_EPOCH).unwrap();
            assert_eq!(elapsed.as_millis(), milliseconds, "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_date() {
        for text in [
            "",
            "2013",
            "2013-05-21",
            "2013-05-21T12:34:56",
            "2013-13-01T00:00:00Z",
            "2013-02-29T00:00:00Z",
            "2013-05-21T24:00:00Z",
            "2013-05-21T12:34:56.Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2013-05-21T12:34:56+0200",
            "+013-05-21T12:34:56Z",
            "2013-05-21T12:34:56Zjunk",
            "\u{664}\u{664}-05-21T12:34:56Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
