//! The coordinates that an uploaded POM gives itself (Maven model 4.0.0), to be compared with its
//! path's.
//!
//! Only what stands in this file: group and version may be the parent's, and a property that is not
//! filled in (`${revision}`) may stand for anything. No DTD, no entities but XML's own.

use std::mem;

use quick_xml::Reader;
use quick_xml::events::Event;

/// The coordinates of a POM, after inheritance, before properties.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Coordinates {
    pub group: String,
    pub artifact: String,
    pub version: String,
    /// `jar` if the POM does not say; with `pom` there is no main file.
    pub packaging: String,
}

/// Why a file is no POM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't read the POM: {0}")]
pub struct UnreadablePom(pub String);

/// The model has fewer levels; plugin configuration may have more.
const DEPTH_MAX: usize = 128;
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// No coordinate is longer.
const TEXT_BYTES_MAX: usize = 1024;

/// The elements that are read, and what they held.
#[derive(Default)]
struct Scan {
    path: Vec<String>,
    text: String,
    own: Coordinates,
    parent: Coordinates,
    complete: bool,
}

/// Reads the coordinates of a POM.
pub fn coordinates(bytes: &[u8]) -> Result<Coordinates, UnreadablePom> {
    if bytes.len() > BYTES_MAX {
        return Err(unreadable("it is too long"));
    }
    // Coordinates are ASCII in every encoding that a POM is found in; names of people are not.
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    reader.config_mut().expand_empty_elements = true;
    let mut scan = Scan::default();
    loop {
        match reader
            .read_event()
            .map_err(|error| unreadable(&error.to_string()))?
        {
            Event::Start(tag) => scan.enter(tag.name().into_inner())?,
            Event::End(_) => scan.leave()?,
            Event::Text(text) => scan.write(&text),
            Event::CData(text) => scan.write(&text),
            Event::GeneralRef(name) => scan.write(&format!("&{};", &*name)),
            Event::DocType(_) => return Err(unreadable("it has a document type declaration")),
            // Empty elements come as a start and an end.
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    scan.finish()
}

impl Coordinates {
    /// Whether the POM may be the one of these coordinates; the sentence says what differs.
    pub fn check(&self, group: &str, artifact: &str, version: &str) -> Result<(), String> {
        let rows = [
            ("groupId", &self.group, group),
            ("artifactId", &self.artifact, artifact),
            ("version", &self.version, version),
        ];
        for (element, stated, wanted) in rows {
            if !agrees(stated, wanted) {
                return Err(format!(
                    "the POM says {element} {stated:?}, its path says {wanted:?}"
                ));
            }
        }
        Ok(())
    }

    /// Whether the POM is all that its version needs to have.
    pub fn is_alone(&self) -> bool {
        self.packaging == "pom"
    }
}

impl Scan {
    fn enter(&mut self, name: &str) -> Result<(), UnreadablePom> {
        if self.path.is_empty() && (self.complete || name != "project") {
            return Err(unreadable("it is not one <project> element"));
        }
        if self.path.len() == DEPTH_MAX {
            return Err(unreadable("its elements are nested too deep"));
        }
        self.path.push(name.to_owned());
        self.text.clear();
        Ok(())
    }

    /// Longer texts than a coordinate are cut: they are not compared, or agree with nothing.
    fn write(&mut self, text: &str) {
        if self.text.len() <= TEXT_BYTES_MAX {
            self.text.push_str(match self.text.is_empty() {
                true => text.trim_start(),
                false => text,
            });
        }
    }

    fn leave(&mut self) -> Result<(), UnreadablePom> {
        let text = mem::take(&mut self.text);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let place = match path.as_slice() {
            ["project", element] => self.own.place(element),
            ["project", "parent", element] => self.parent.place(element),
            _ => None,
        };
        if let Some(place) = place {
            // Which of two is meant would be each reader's own choice.
            if !place.is_empty() {
                return Err(unreadable("it names itself twice"));
            }
            text.trim().clone_into(place);
        }
        self.path.pop();
        self.complete = self.path.is_empty();
        Ok(())
    }

    fn finish(self) -> Result<Coordinates, UnreadablePom> {
        if !self.complete {
            return Err(unreadable("it ends too early"));
        }
        let or = |own: String, parent: String| if own.is_empty() { parent } else { own };
        Ok(Coordinates {
            group: or(self.own.group, self.parent.group),
            artifact: self.own.artifact,
            version: or(self.own.version, self.parent.version),
            packaging: or(self.own.packaging, "jar".to_owned()),
        })
    }
}

impl Coordinates {
    fn place(&mut self, element: &str) -> Option<&mut String> {
        match element {
            "groupId" => Some(&mut self.group),
            "artifactId" => Some(&mut self.artifact),
            "version" => Some(&mut self.version),
            "packaging" => Some(&mut self.packaging),
            _ => None,
        }
    }
}

/// Whether a text with `${…}` in it may become `wanted`: the literal parts stand in it in order.
fn agrees(stated: &str, wanted: &str) -> bool {
    let Some((prefix, mut stated)) = stated.split_once("${") else {
        return stated == wanted;
    };
    let Some(mut rest) = wanted.strip_prefix(prefix) else {
        return false;
    };
    loop {
        let Some((_, after)) = stated.split_once('}') else {
            return false;
        };
        let Some((literal, next)) = after.split_once("${") else {
            return rest.ends_with(after);
        };
        let Some(place) = rest.find(literal) else {
            return false;
        };
        rest = rest.get(place + literal.len()..).unwrap_or_default();
        stated = next;
    }
}

fn unreadable(reason: &str) -> UnreadablePom {
    UnreadablePom(reason.to_owned())
}
