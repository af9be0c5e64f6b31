//! Character references of HTML: decoded exactly once when read, written when rendered.
//!
//! The named ones are those that index pages use; an unknown name stays as it is written.

use std::borrow::Cow;

/// No reference that is decoded here is longer: `&#x0010FFFF;`.
const REFERENCE_LENGTH_MAX: usize = 12;

/// Replaces character references by what they mean. What comes out is not looked at again.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        match reference(rest) {
            Some((letter, length)) => {
                decoded.push(letter);
                rest = &rest[length..];
            }
            None => decoded.push('&'),
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// Text made safe for an element and for a double-quoted attribute.
pub fn escape(text: &str) -> String {
    if !text.bytes().any(|byte| b"&<>\"'".contains(&byte)) {
        return text.to_string();
    }
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// The character that the text behind a `&` stands for, and how many bytes spell it.
fn reference(text: &str) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix('#') {
        return numeric(number).map(|(letter, length)| (letter, length + 1));
    }
    let end = text
        .bytes()
        .take(REFERENCE_LENGTH_MAX)
        .position(|byte| byte == b';')?;
    let letter = match &text[..end] {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "colon" => ':',
        "sol" => '/',
        "num" => '#',
        "period" => '.',
        "lowbar" => '_',
        "plus" => '+',
        "equals" => '=',
        "excl" => '!',
        "comma" => ',',
        "percnt" => '%',
        "Tab" => '\t',
        "NewLine" => '\n',
        _ => return None,
    };
    Some((letter, end + 1))
}

/// `104;`, `x68;`; the semicolon may be missing, as browsers allow.
fn numeric(text: &str) -> Option<(char, usize)> {
    let (radix, mark) = if text.starts_with(['x', 'X']) {
        (16, 1)
    } else {
        (10, 0)
    };
    let digits = text[mark..]
        .bytes()
        .take_while(|byte| char::from(*byte).is_digit(radix))
        .count();
    let number = u32::from_str_radix(&text[mark..mark + digits], radix).ok()?;
    let letter = char::from_u32(number)
        .filter(|letter| *letter != '\0')
        .unwrap_or('\u{fffd}');
    let semicolon = usize::from(text[mark + digits..].starts_with(';'));
    Some((letter, mark + digits + semicolon))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded_exactly_once() {
        let table = [
            ("&#104;ttp", "http"),
            ("&#x68;&#X74;tp", "http"),
            ("&#104ttp", "http"),
            ("&amp;lt;", "&lt;"),
            ("&gt;=3.8,&lt;4", ">=3.8,<4"),
            ("a & b &unknown; &", "a & b &unknown; &"),
            (
                "&#0;&#xD800;&#99999999999;",
                "\u{fffd}\u{fffd}&#99999999999;",
            ),
            ("&é;&#;", "&é;&#;"),
        ];
        for (text, expected) in table {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_escaped_decodes_to_itself() {
        for text in ["\"quoted\" & 'so' <b>", "&amp;", "schließlich — ☠", ""] {
            assert_eq!(decode(&escape(text)), text);
        }
    }
}
