//! Conditional requests and ranges (RFC 9110 §13, §14).

use std::time::SystemTime;

use http::{HeaderMap, header};

/// Whether the client already has this representation.
pub fn not_modified(headers: &HeaderMap, etag: Option<&str>, last_modified: Option<&str>) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        let Some(etag) = etag else { return false };
        return tags
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == etag || tag == "*");
    }
    let since = headers
        .get(header::IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok());
    match (date(since), date(last_modified)) {
        (Some(since), Some(changed)) => changed <= since,
        _ => false,
    }
}

fn date(text: Option<&str>) -> Option<SystemTime> {
    httpdate::parse_http_date(text?).ok()
}

/// What part of a body is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// From the first byte up to the second (exclusive).
    Range(u64, u64),
    /// 416
    Unsatisfiable,
}

/// Reads `Range` and `If-Range`. Several ranges at once get the whole body, as RFC 9110 §14.2 allows.
pub fn part(
    headers: &HeaderMap,
    length: u64,
    etag: Option<&str>,
    last_modified: Option<&str>,
) -> Part {
    let Some(range) = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
    else {
        return Part::Whole;
    };
    if let Some(condition) = headers
        .get(header::IF_RANGE)
        .and_then(|value| value.to_str().ok())
        && Some(condition) != etag
        && Some(condition) != last_modified
    {
        return Part::Whole;
    }
    range
        .strip_prefix("bytes=")
        .map_or(Part::Whole, |spec| one_range(spec.trim(), length))
}

fn one_range(spec: &str, length: u64) -> Part {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits {
            text.parse::<u64>().ok()
        } else {
            None
        }
    };
    match spec.split_once('-') {
        Some(("", suffix)) => match number(suffix) {
            Some(0) => Part::Unsatisfiable,
            Some(count) if length > 0 => Part::Range(length.saturating_sub(count), length),
            Some(_) => Part::Unsatisfiable,
            None => Part::Whole,
        },
        Some((first, "")) => match number(first) {
            Some(first) if first < length => Part::Range(first, length),
            Some(_) => Part::Unsatisfiable,
            None => Part::Whole,
        },
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(last)) if last < first => Part::Whole,
            (Some(first), Some(_)) if first >= length => Part::Unsatisfiable,
            (Some(first), Some(last)) => Part::Range(first, last.saturating_add(1).min(length)),
            _ => Part::Whole,
        },
        None => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (spec, expected) in [
            ("0-0", Part::Range(0, 1)),
            ("10-19", Part::Range(10, 20)),
            ("90-", Part::Range(90, 100)),
            ("-10", Part::Range(90, 100)),
            ("-1000", Part::Range(0, 100)),
            ("95-1000", Part::Range(95, 100)),
            ("100-", Part::Unsatisfiable),
            ("-0", Part::Unsatisfiable),
            ("5-4", Part::Whole),
            ("0-1,3-4", Part::Whole),
            ("x-y", Part::Whole),
            ("+1-2", Part::Whole),
        ] {
            assert_eq!(one_range(spec, 100), expected, "{spec}");
        }
    }

    #[test]
    fn validators() {
        let headers = |name: header::HeaderName, value: &str| {
            HeaderMap::from_iter([(name, value.parse().expect("a value"))])
        };
        let etag = Some("\"a\"");
        for (value, expected) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("\"b\", W/\"a\"", true),
            ("*", true),
        ] {
            assert_eq!(
                not_modified(&headers(header::IF_NONE_MATCH, value), etag, None),
                expected
            );
        }
        let day = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(not_modified(
            &headers(header::IF_MODIFIED_SINCE, day),
            etag,
            Some(day)
        ));
    }
}
