//! Which of its two forms a client wants the packument in (RFC 9110 section 12.5.1).

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// Whether the abbreviated form is named, wanted, and wanted no less than `application/json`.
///
/// No field, or only `*/*`, means the full form: older clients need it.
pub(super) fn wants_abbreviated(accept: Option<&str>) -> bool {
    let ranges: Vec<(String, u16)> = accept.unwrap_or_default().split(',').map(range).collect();
    let quality = |name: &str| {
        ranges
            .iter()
            .filter(|(range, _)| range == name)
            .map(|(_, quality)| *quality)
            .max()
    };
    let abbreviated = quality(ABBREVIATED).unwrap_or(0);
    let json = quality("application/json")
        .or_else(|| quality("application/*"))
        .or_else(|| quality("*/*"))
        .unwrap_or(0);
    abbreviated > 0 && abbreviated >= json
}

/// A media range in lower case and its quality in thousandths; parameters are not looked at.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").map(thousandths));
    (name, weight.unwrap_or(1000))
}

/// `0.8` → 800; what is not a weight counts as not wanted.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match (whole, format!("{fraction:0<3}").parse::<u16>()) {
        ("0", Ok(thousandths)) => thousandths,
        ("1", Ok(0)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_weights() {
        for (accept, expected) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), false),
            (Some(ABBREVIATED), true),
            (
                Some("application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"),
                true,
            ),
            (
                Some("application/vnd.npm.install-v1+json; q=0.5, application/json"),
                false,
            ),
            (Some("application/vnd.npm.install-v1+json;q=0"), false),
            (
                Some("application/vnd.npm.install-v1+json;q=0.5, */*;q=0.1"),
                true,
            ),
            (
                Some("application/vnd.npm.install-v1+json;q=0.5, */*"),
                false,
            ),
            (
                Some("Application/Vnd.NPM.Install-V1+json ; Q=0.123 , application/json;q=0.123"),
                true,
            ),
            (
                Some("application/vnd.npm.install-v1+json;q=nonsense"),
                false,
            ),
            (Some("text/html,,;;"), false),
        ] {
            assert_eq!(wants_abbreviated(accept), expected, "{accept:?}");
        }
    }
}
