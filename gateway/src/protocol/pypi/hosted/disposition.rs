//! Header fields of forms: `Content-Type` of the request, `Content-Disposition` of a part
//! (RFC 2045 section 5.1, RFC 2183, RFC 7578 section 4.2).

use super::refused::{Refused, shown};

/// RFC 2046 section 5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

/// As long as any name of a form's field is.
const NAME_BYTES_MAX: usize = 100;

/// What a part says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    pub name: String,
    pub filename: Option<String>,
}

/// `type; name=value; name="value"`.
struct Parameters {
    kind: String,
    pairs: Vec<(String, String)>,
}

/// The boundary that a request's `Content-Type` names.
pub(super) fn boundary(content_type: &str) -> Result<String, Refused> {
    let wanted = || Refused::unsupported("an upload is multipart/form-data with a boundary");
    let parameters = Parameters::read(content_type).ok_or_else(wanted)?;
    if parameters.kind != "multipart/form-data" {
        return Err(wanted());
    }
    let boundary = parameters.one("boundary").map_err(Refused::malformed)?;
    let boundary = boundary.ok_or_else(wanted)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let length = 1..=BOUNDARY_BYTES_MAX;
    if !length.contains(&boundary.len()) || !boundary.bytes().all(legal) || boundary.ends_with(' ')
    {
        return Err(Refused::malformed(
            "the boundary of the form is none that RFC 2046 allows",
        ));
    }
    Ok(boundary)
}

impl Disposition {
    /// Reads a part's `Content-Disposition`.
    pub fn read(value: &str) -> Result<Self, Refused> {
        let bad = || Refused::malformed("a part of the form has no legal Content-Disposition");
        let parameters = Parameters::read(value).ok_or_else(bad)?;
        if parameters.kind != "form-data" {
            return Err(bad());
        }
        let name = parameters.one("name").map_err(Refused::malformed)?;
        let name = name.ok_or_else(bad)?;
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(Refused::malformed(format!(
                "{} is no name of a field",
                shown(&name)
            )));
        }
        let naming = |why: &str| Refused::malformed(format!("field '{name}': {why}"));
        if parameters.one("filename*").is_ok_and(|name| name.is_some()) {
            return Err(naming("filename* is not for forms (RFC 7578 section 4.2)"));
        }
        let filename = parameters.one("filename").map_err(naming)?;
        Ok(Self { name, filename })
    }
}

impl Parameters {
    /// `None` if the text is not of the grammar.
    fn read(text: &str) -> Option<Self> {
        let blank = |letter: char| letter == ' ' || letter == '\t';
        let (kind, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let kind = kind.trim_matches(blank).to_ascii_lowercase();
        let mut pairs = Vec::new();
        while let Some(parameter) = rest.strip_prefix(';') {
            let parameter = parameter.trim_start_matches(blank);
            if parameter.is_empty() {
                break;
            }
            let (name, value) = parameter.split_once('=')?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            let (value, behind) = match value.strip_prefix('"') {
                Some(value) => quoted(value)?,
                None => {
                    let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
                    (value[..end].to_string(), &value[end..])
                }
            };
            pairs.push((name.to_ascii_lowercase(), value));
            rest = behind.trim_start_matches(blank);
        }
        (rest.is_empty() || rest == ";" || rest.trim_matches([';', ' ', '\t']).is_empty())
            .then_some(Self { kind, pairs })
    }

    fn one(&self, name: &str) -> Result<Option<String>, &'static str> {
        let mut found = self.pairs.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.clone());
        match found.next() {
            None => Ok(first),
            Some(_) => Err("a parameter of a header is given twice"),
        }
    }
}

/// The text up to the closing quote, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

/// RFC 2045's token.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_read() {
        let long = "b".repeat(71);
        let table = [
            ("multipart/form-data; boundary=abc", Some("abc")),
            (
                "Multipart/Form-Data ;Boundary=\"a b:c\" ; charset=utf-8",
                Some("a b:c"),
            ),
            ("multipart/form-data; boundary=\"a\\b\";", Some("ab")),
            ("multipart/form-data; boundary=abc junk", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=\"abc", None),
            ("multipart/form-data; boundary=\"abc \"", None),
            ("multipart/form-data; boundary=\"a\u{e9}\"", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=abc", None),
            ("application/json", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(boundary(text).ok().as_deref(), expected, "{text}");
        }
        assert!(boundary(&format!("multipart/form-data; boundary={}", &long[1..])).is_ok());
        assert!(boundary(&format!("multipart/form-data; boundary={long}")).is_err());
    }

    #[test]
    fn dispositions_are_read() {
        let read = |text: &str| {
            let disposition = Disposition::read(text);
            disposition.map(|read| (read.name, read.filename))
        };
        let content = || ("content".to_string(), Some("a;b.whl".to_string()));
        let table = [
            (
                "form-data; name=\"content\"; filename=\"a;b.whl\"",
                content(),
            ),
            ("FORM-DATA;NAME=content;FILENAME=\"a;b.whl\"", content()),
            ("form-data; name=\":action\"", (":action".to_string(), None)),
            (
                "form-data; name=\"a\"; filename=\"\\\"\"",
                ("a".into(), Some("\"".into())),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("attachment; name=\"a\"", "Content-Disposition"),
            ("form-data", "Content-Disposition"),
            ("form-data; name", "Content-Disposition"),
            ("form-data; name=\"\"", "''"),
            ("form-data; name=\"a b\"", "'a b'"),
            ("form-data; name=\"a\"; name=\"b\"", "twice"),
            (
                "form-data; name=\"a\"; filename=\"b\"; filename=\"c\"",
                "field 'a'",
            ),
            ("form-data; name=\"a\"; filename*=utf-8''b", "field 'a'"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.sentence().contains(why), "{text}: {refused}");
        }
    }
}
