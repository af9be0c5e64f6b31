//! Which form of an index a client gets: PEP 691 content negotiation.
//!
//! Quality values decide; on equal quality the range that names a form beats `*/*`, then the one
//! that stands first. Nobody who names no form is sent one of the new ones.

use std::cmp::Reverse;

use super::super::{Rejection, SimpleForm};

/// The types that a form is asked for by. PEP 691 also has names for the latest version.
const NAMES: [(&str, SimpleForm); 5] = [
    ("text/html", SimpleForm::LegacyHtml),
    ("application/vnd.pypi.simple.v1+json", SimpleForm::Json),
    ("application/vnd.pypi.simple.v1+html", SimpleForm::Html),
    ("application/vnd.pypi.simple.latest+json", SimpleForm::Json),
    ("application/vnd.pypi.simple.latest+html", SimpleForm::Html),
];

/// In the order in which a range that names no form is served.
const FORMS: [SimpleForm; 3] = [SimpleForm::LegacyHtml, SimpleForm::Json, SimpleForm::Html];

/// One element of an `Accept` field (RFC 9110 section 12.5.1).
struct Range<'a> {
    media: &'a str,
    /// In thousandths.
    quality: u16,
    position: usize,
}

/// How narrowly a range speaks of a form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Anything,
    Family,
    Named,
}

/// The form to answer with. `format` is the query's `?format=`, which wins over `Accept`.
pub fn negotiate(accept: Option<&str>, format: Option<&str>) -> Result<SimpleForm, Rejection> {
    // A `+` that stood bare in the query may have been read as a space.
    let format = format.map(|format| format.replace(' ', "+"));
    if let Some(form) = format.as_deref().and_then(named) {
        return Ok(form);
    }
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return Ok(SimpleForm::LegacyHtml);
    };
    let ranges: Vec<Range<'_>> = ranges(accept).collect();
    let mut best = None;
    for form in FORMS {
        let Some((range, specificity)) = governing(&ranges, form) else {
            continue;
        };
        let rank = (range.quality, specificity, Reverse(range.position));
        if range.quality > 0 && best.is_none_or(|(highest, _)| rank > highest) {
            best = Some((rank, form));
        }
    }
    best.map(|(_, form)| form).ok_or(Rejection::NotAcceptable)
}

/// Whether the reader is an installer: it negotiates among forms of an index, so an index page is
/// what it can show to its user. A browser, which names HTML and anything, is not one.
pub fn installer(accept: Option<&str>) -> bool {
    let mut forms: Vec<SimpleForm> = Vec::new();
    let mut anything = false;
    for range in ranges(accept.unwrap_or_default()).filter(|range| range.quality > 0) {
        anything |= range.media == "*/*";
        if let Some(form) = named(range.media).filter(|form| !forms.contains(form)) {
            forms.push(form);
        }
    }
    let new = forms.iter().any(|form| *form != SimpleForm::LegacyHtml);
    forms.len() >= 2 || (new && anything)
}

/// The content type that a form is served with.
pub fn content_type(form: SimpleForm) -> &'static str {
    match form {
        SimpleForm::Json => "application/vnd.pypi.simple.v1+json",
        SimpleForm::Html => "application/vnd.pypi.simple.v1+html",
        SimpleForm::LegacyHtml => "text/html; charset=utf-8",
    }
}

fn named(media: &str) -> Option<SimpleForm> {
    NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(media))
        .map(|(_, form)| *form)
}

/// The narrowest range that speaks of the form; of equally narrow ones the first.
fn governing<'a>(
    ranges: &'a [Range<'a>],
    form: SimpleForm,
) -> Option<(&'a Range<'a>, Specificity)> {
    let mut narrowest: Option<(&Range<'_>, Specificity)> = None;
    for range in ranges {
        let Some(specificity) = speaks(range.media, form) else {
            continue;
        };
        if narrowest.is_none_or(|(_, known)| specificity > known) {
            narrowest = Some((range, specificity));
        }
    }
    narrowest
}

fn speaks(media: &str, form: SimpleForm) -> Option<Specificity> {
    let family = if form == SimpleForm::LegacyHtml {
        "text/*"
    } else {
        "application/*"
    };
    if named(media) == Some(form) {
        Some(Specificity::Named)
    } else if media.eq_ignore_ascii_case(family) {
        Some(Specificity::Family)
    } else {
        (media == "*/*").then_some(Specificity::Anything)
    }
}

/// The elements that can be read; the others say nothing.
fn ranges(accept: &str) -> impl Iterator<Item = Range<'_>> {
    accept
        .split(',')
        .enumerate()
        .filter_map(|(position, element)| {
            let mut parts = element.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?;
            let quality = parts
                .filter_map(|parameter| parameter.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .map_or(Some(1000), |(_, value)| thousandths(value.trim()))?;
            Some(Range {
                media,
                quality,
                position,
            })
        })
}

/// `0.25` as 250 (RFC 9110 section 12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = format!("{fraction:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::SimpleForm::{Html, Json, LegacyHtml};
    use super::*;

    const JSON: &str = "application/vnd.pypi.simple.v1+json";
    const HTML: &str = "application/vnd.pypi.simple.v1+html";

    #[test]
    fn forms_are_negotiated() {
        let none = Err(Rejection::NotAcceptable);
        let pip = format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01");
        let table = [
            (pip.clone(), Ok(Json)),
            (format!("text/html;q=0.01, {HTML};q=0.2, {JSON}"), Ok(Json)),
            (format!("{JSON}, */*"), Ok(Json)),
            (format!("{HTML}, */*;q=0.1"), Ok(Html)),
            (format!("{JSON};q=0.1, text/html"), Ok(LegacyHtml)),
            (format!("text/html, {JSON}"), Ok(LegacyHtml)),
            (format!("{JSON};q=0, {HTML};q=0.5"), Ok(Html)),
            (format!("{JSON};q=0, */*;q=0.5"), Ok(LegacyHtml)),
            ("application/vnd.pypi.simple.latest+json".into(), Ok(Json)),
            ("APPLICATION/vnd.pypi.simple.V1+json".into(), Ok(Json)),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8".into(),
                Ok(LegacyHtml),
            ),
            ("*/*".into(), Ok(LegacyHtml)),
            ("text/*".into(), Ok(LegacyHtml)),
            ("application/*".into(), Ok(Json)),
            (String::new(), Ok(LegacyHtml)),
            ("application/json".into(), none.clone()),
            ("image/png, */*;q=0".into(), none.clone()),
            (format!("{JSON};q=2"), none.clone()),
            (",;,".into(), none),
        ];
        for (accept, expected) in table {
            assert_eq!(negotiate(Some(&accept), None), expected, "{accept}");
        }
        assert_eq!(negotiate(None, None), Ok(LegacyHtml));
        assert_eq!(negotiate(Some(&pip), Some("text/html")), Ok(LegacyHtml));
        assert_eq!(
            negotiate(None, Some("application/vnd.pypi.simple.v1 json")),
            Ok(Json)
        );
        assert_eq!(negotiate(Some("image/png"), Some(HTML)), Ok(Html));
        assert_eq!(negotiate(Some(JSON), Some("nonsense")), Ok(Json));
    }

    #[test]
    fn installers_are_told_from_browsers() {
        let table = [
            (format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01"), true),
            (format!("{JSON}, */*"), true),
            (format!("{JSON}, text/html;q=0"), false),
            (JSON.into(), false),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8".into(),
                false,
            ),
            ("*/*".into(), false),
        ];
        for (accept, expected) in table {
            assert_eq!(installer(Some(&accept)), expected, "{accept}");
        }
        assert!(!installer(None));
    }
}
