//! The elements of a small XML document, one level of repetition deep: enough for Maven's settings
//! and its super POM. No DTD, no entities beyond XML's own five.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;

const DEPTH_MAX: usize = 64;

/// For every element at `path` (such as `settings/mirrors/mirror`): the text of its children.
/// Nothing more after the first mistake in the document.
pub(crate) fn elements(document: &str, path: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = Reader::from_str(document);
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut current = BTreeMap::new();
    let mut text = String::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => {
                if open.len() == DEPTH_MAX {
                    break;
                }
                open.push(start.local_name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::CData(piece) => text.push_str(&piece),
            Event::GeneralRef(reference) => text.push_str(meaning(&reference)),
            Event::End(_) => {
                let Some(name) = open.pop() else { break };
                let parent = open.join("/");
                if parent == path {
                    current.insert(name, text.trim().to_owned());
                } else if format!("{parent}/{name}") == path {
                    found.push(std::mem::take(&mut current));
                }
                text.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    found
}

/// XML 1.0, section 4.6: the predefined entities.
fn meaning(name: &str) -> &'static str {
    match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}
