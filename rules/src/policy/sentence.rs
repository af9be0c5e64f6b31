//! The one sentence that a client sees.
//!
//! It travels in an HTTP reason phrase among other places: so it is printable ASCII and bounded.
//! Names and patterns are shortened as need be; the fixed words never are.

use crate::decision::SENTENCE_BYTES_MAX;

/// A text between fixed words.
pub(crate) enum Part<'a> {
    Fixed(&'a str),
    Name(&'a str),
}

const ELLIPSIS: &str = "...";

/// Joins the parts; the longest names are cut so that the whole fits.
pub(crate) fn sentence(parts: &[Part<'_>]) -> String {
    let names: Vec<String> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Name(name) => Some(printable(name)),
            Part::Fixed(_) => None,
        })
        .collect();
    let fixed: usize = parts
        .iter()
        .map(|part| match part {
            Part::Fixed(words) => words.len(),
            Part::Name(_) => 0,
        })
        .sum();
    let limit = name_bytes_max(&names, SENTENCE_BYTES_MAX.saturating_sub(fixed));
    let mut names = names.iter();
    let mut text = String::with_capacity(SENTENCE_BYTES_MAX);
    for part in parts {
        match part {
            Part::Fixed(words) => text.push_str(words),
            Part::Name(_) => push_cut(&mut text, names.next().map_or("", String::as_str), limit),
        }
    }
    text.truncate(SENTENCE_BYTES_MAX);
    text
}

/// The largest limit per name with which all fit into the room.
fn name_bytes_max(names: &[String], room: usize) -> usize {
    let total = |limit: usize| {
        names
            .iter()
            .map(|name| name.len().min(limit))
            .sum::<usize>()
    };
    (0..=room)
        .rev()
        .find(|limit| total(*limit) <= room)
        .unwrap_or(0)
}

fn push_cut(text: &mut String, name: &str, limit: usize) {
    if name.len() <= limit {
        text.push_str(name);
        return;
    }
    text.push_str(
        name.get(..limit.saturating_sub(ELLIPSIS.len()))
            .unwrap_or_default(),
    );
    text.push_str(
        ELLIPSIS
            .get(..limit.min(ELLIPSIS.len()))
            .unwrap_or_default(),
    );
}

/// Every character but printable ASCII becomes a question mark.
fn printable(name: &str) -> String {
    let shown = |character: char| character == ' ' || character.is_ascii_graphic();
    name.chars()
        .map(|character| if shown(character) { character } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_printable_and_bounded() {
        let long = "n".repeat(600);
        for name in ["left-pad", "a\r\nSet-Cookie: b", "p\u{430}ypal", &long] {
            let text = sentence(&[
                Part::Name(name),
                Part::Fixed(" is blocked by "),
                Part::Name(&long),
                Part::Fixed(": ask an operator"),
            ]);
            assert!(text.len() <= SENTENCE_BYTES_MAX, "{text}");
            assert!(
                text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{text}"
            );
            assert!(text.ends_with(": ask an operator"), "{text}");
        }
    }
}
