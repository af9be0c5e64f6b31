//! The mirror in Maven's `settings.xml` (Guide to Mirror Settings).
//!
//! The document is read to find the place, and the mirror is put there as text: comments, blanks
//! and everything else a user wrote stay byte for byte.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use crate::config::discover::xml;

/// What a user gets who has no file.
pub(super) fn new_file(url: &str) -> String {
    format!(
        "<settings>\n  <mirrors>\n{}  </mirrors>\n</settings>\n",
        mirror(url)
    )
}

/// The text with the mirror in it; the message says what is in the way and what to do.
pub(super) fn merge(text: &str, url: &str) -> Result<String, String> {
    let mirrors = xml::elements(text, "settings/mirrors/mirror");
    let has = |key: &str, value: &str| {
        mirrors
            .iter()
            .any(|mirror| mirror.get(key).is_some_and(|it| it == value))
    };
    let place = place_of(text)?;
    if has("url", url) {
        return Ok(text.to_owned());
    }
    // Maven takes the first mirror that fits, so a second one would do nothing or everything.
    let covers = |it: &String| {
        it.split(',')
            .any(|it| ["*", "external:*", "central"].contains(&it.trim()))
    };
    if mirrors
        .iter()
        .any(|mirror| mirror.get("mirrorOf").is_some_and(covers))
    {
        return Err(format!(
            "another mirror stands in for central already, which stays; to use the gateway, \
             remove it and run this again, or set its <url> to {url}"
        ));
    }
    if has("id", "portcullis") {
        return Err("a mirror `portcullis` with another address is there; remove it".to_owned());
    }
    let mirror = mirror(url);
    let (range, added) = match place {
        Place::InMirrors(at) => (at..at, format!("{mirror}  ")),
        Place::EmptyMirrors(range) => (range, format!("<mirrors>\n{mirror}  </mirrors>")),
        Place::InSettings(at) => (at..at, format!("  <mirrors>\n{mirror}  </mirrors>\n")),
    };
    let mut merged = text.to_owned();
    merged.replace_range(range, &added);
    Ok(merged)
}

/// Where the mirror goes, as byte offsets.
enum Place {
    /// Before `</mirrors>`.
    InMirrors(usize),
    /// In place of `<mirrors/>`.
    EmptyMirrors(Range<usize>),
    /// Before `</settings>`.
    InSettings(usize),
}

fn place_of(text: &str) -> Result<Place, String> {
    let unusable = || "this is no settings.xml that can be read; correct it".to_owned();
    let mut reader = Reader::from_str(text);
    let mut depth = 0_usize;
    let mut found = None;
    loop {
        let start = offset(&reader, text).ok_or_else(unusable)?;
        let event = reader.read_event().map_err(|_| unusable())?;
        let end = offset(&reader, text).ok_or_else(unusable)?;
        match event {
            Event::Start(tag) => {
                if depth == 0 && tag.local_name().as_ref() != "settings" {
                    return Err(unusable());
                }
                depth += 1;
            }
            Event::Empty(tag) if depth == 1 && tag.local_name().as_ref() == "mirrors" => {
                found = Some(Place::EmptyMirrors(start..end));
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                match tag.local_name().as_ref() {
                    "mirrors" if depth == 1 => found = Some(Place::InMirrors(start)),
                    "settings" if depth == 0 => {
                        return Ok(found.unwrap_or(Place::InSettings(start)));
                    }
                    _ => {}
                }
            }
            Event::Eof => return Err(unusable()),
            _ => {}
        }
    }
}

pub(super) fn offset(reader: &Reader<&[u8]>, text: &str) -> Option<usize> {
    let at = usize::try_from(reader.buffer_position()).ok()?;
    text.is_char_boundary(at).then_some(at)
}

fn mirror(url: &str) -> String {
    let url = escape(url);
    format!(
        "    <mirror>\n      <id>portcullis</id>\n      <mirrorOf>*</mirrorOf>\n      \
         <url>{url}</url>\n    </mirror>\n"
    )
}
