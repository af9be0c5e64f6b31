//! How severe a record says it is: a CVSS vector's base score, or else a word.

use serde::Deserialize;
use serde_json::value::RawValue;

use rules::advisories::Score;

use super::osv::Text;

/// Longer texts are no vectors.
const VECTOR_BYTES_MAX: usize = 512;

/// The base metrics, all mandatory: CVSS v4.0 (section 7), v3.1 (section 6), v2 (section 2.4).
const METRICS: [(&str, &[&str]); 3] = [
    (
        "CVSS:4.",
        &[
            "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA",
        ],
    ),
    ("CVSS:3.", &["AV", "AC", "PR", "UI", "S", "C", "I", "A"]),
    ("", &["AV", "AC", "Au", "C", "I", "A"]),
];

#[derive(Deserialize)]
struct Severity<'a> {
    #[serde(borrow)]
    score: Text<'a>,
}

#[derive(Deserialize)]
struct Specific<'a> {
    #[serde(borrow)]
    severity: Text<'a>,
}

/// The highest base score of a `severity` field; other scales than CVSS have none.
pub(super) fn from_vectors(field: &RawValue) -> Option<Score> {
    let vectors: Vec<Severity<'_>> = serde_json::from_str(field.get()).ok()?;
    let scores = vectors
        .iter()
        .filter_map(|vector| base_score(&vector.score));
    scores.max()
}

/// The score that the word `severity` of a `database_specific` field stands for.
pub(super) fn from_word(field: &RawValue) -> Option<Score> {
    let specific: Specific<'_> = serde_json::from_str(field.get()).ok()?;
    Score::from_word(&specific.severity)
}

/// The base score of a vector: other metrics are cut away before it is computed, since the library
/// counts them in for v4.
fn base_score(vector: &str) -> Option<Score> {
    if vector.len() > VECTOR_BYTES_MAX {
        return None;
    }
    let (prefix, metrics) = METRICS
        .iter()
        .find(|(prefix, _metrics)| vector.starts_with(prefix))?;
    let mut base = String::with_capacity(vector.len());
    let mut found = 0;
    for part in vector.split('/') {
        let name = part.split_once(':').map_or(part, |(name, _value)| name);
        let metric = metrics.contains(&name);
        found += usize::from(metric);
        if metric || (!prefix.is_empty() && part.starts_with(prefix)) {
            let separator = if base.is_empty() { "" } else { "/" };
            base.push_str(separator);
            base.push_str(part);
        }
    }
    if found != metrics.len() {
        return None;
    }
    let vector: cvss::Cvss = base.parse().ok()?;
    Score::new(vector.score())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(vector: &str) -> Option<f64> {
        base_score(vector).map(Score::value)
    }

    #[test]
    fn vectors_have_their_published_base_scores() {
        // From the examples of the specifications.
        let table = [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(9.8)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(10.0)),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(6.1)),
            ("CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:N/I:N/A:N", Some(0.0)),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O",
                Some(9.8),
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                Some(9.3),
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U",
                Some(9.3),
            ),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", Some(10.0)),
            ("CVSS:3.1/AV:N/AC:L", None),
            ("CVSS:3.1/AV:N/AV:N/AV:N/AV:N/AV:N/AV:N/AV:N/AV:N", None),
            ("CVSS:9.9/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("high", None),
            ("7.5", None),
            ("", None),
        ];
        for (vector, expected) in table {
            assert_eq!(value(vector), expected, "{vector}");
        }
        assert_eq!(value(&"CVSS:3.1/".repeat(10_000)), None);
    }
}
