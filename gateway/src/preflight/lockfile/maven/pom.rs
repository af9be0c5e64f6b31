//! `pom.xml`: what a build fetches by the word of the POM alone.
//!
//! That is parents, plugins, extensions, imported bills of materials and direct dependencies with a
//! version. It is not the resolved tree, which `mvn dependency:list` prints; give both. Properties
//! are those of the POM itself (Maven model 4.0.0); profiles all count. No DTD, no entities but
//! XML's own.

use std::collections::HashMap;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::preflight::lockfile::draft::{Draft, Entry, shown};
use crate::preflight::lockfile::{Source, SourceKind, bytes_of};

/// How deep elements may nest; the model has fewer levels, plugin configuration may have more.
const DEPTH_MAX: usize = 128;

/// How often a property may stand for another.
const SUBSTITUTIONS_MAX: usize = 16;

/// The longest value that substitution may give, in bytes.
const VALUE_BYTES_MAX: usize = 1024;

const LIST_REMEDY: &str = "give the output of `mvn dependency:list` too";
const PLUGIN_REMEDY: &str = "write the version of the plugin in the POM";

const PLUGIN_GROUP: &str = "org.apache.maven.plugins";

/// A POM, flat.
#[derive(Default)]
struct Pom {
    properties: HashMap<String, String>,
    mentions: Vec<Mention>,
    has_parent: bool,
    /// Versions by `group:artifact`, from the management sections.
    managed: HashMap<String, String>,
}

/// An element that names a coordinate.
#[derive(Default)]
struct Mention {
    element: String,
    line: usize,
    depth: usize,
    management: bool,
    fields: HashMap<&'static str, String>,
}

/// The elements that are open, and the coordinates among them that are being filled.
#[derive(Default)]
struct Open {
    path: Vec<String>,
    text: String,
    mentions: Vec<Mention>,
}

pub(crate) fn fill(path: &Path, text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let pom = read(text)?;
    for mention in &pom.mentions {
        pom.add(mention, path, draft);
    }
    Ok(())
}

fn read(text: &str) -> Result<Pom, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let (mut pom, mut open) = (Pom::default(), Open::default());
    let mut lines = (0, 1);
    let mut rooted = false;
    loop {
        let before = reader.buffer_position() as usize;
        let fault = |detail: String| format!("line {}: {detail}", line_at(text, before));
        let event = reader
            .read_event()
            .map_err(|error| fault(error.to_string()))?;
        match event {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                if open.path.is_empty() && name != "project" {
                    return Err(fault(format!(
                        "the root is {:?}, not project",
                        shown(&name)
                    )));
                }
                if open.path.len() >= DEPTH_MAX {
                    return Err(fault(format!("elements nest deeper than {DEPTH_MAX}")));
                }
                rooted = true;
                lines.1 += newlines(text.get(lines.0..before));
                lines.0 = before;
                open.start(name, lines.1);
            }
            Event::End(_) => open.end(&mut pom),
            Event::Text(part) => open.text.push_str(&part),
            Event::CData(part) => open.text.push_str(&part),
            Event::GeneralRef(reference) => open.text.push_str(&entity(&reference)),
            Event::Eof if !rooted => return Err("there is no project element".to_owned()),
            Event::Eof if !open.path.is_empty() => {
                return Err(fault(format!("it ends within {}", open.path.join("/"))));
            }
            Event::Eof => return Ok(pom),
            _ => {}
        }
    }
}

impl Open {
    fn start(&mut self, name: String, line: usize) {
        self.text.clear();
        let parent = self.path.last().map(String::as_str);
        let within = |section: &str| self.path.iter().any(|element| element == section);
        let configuration = within("configuration") || within("exclusions");
        let names_coordinate = matches!(
            (parent, name.as_str()),
            (Some("project"), "parent")
                | (Some("dependencies"), "dependency")
                | (Some("plugins"), "plugin")
                | (Some("extensions"), "extension")
        );
        if names_coordinate && !configuration {
            let management = match name.as_str() {
                "plugin" => within("pluginManagement"),
                _ => within("dependencyManagement"),
            };
            self.mentions.push(Mention {
                element: name.clone(),
                line,
                depth: self.path.len(),
                management,
                fields: HashMap::new(),
            });
        }
        self.path.push(name);
    }

    fn end(&mut self, pom: &mut Pom) {
        let Some(name) = self.path.pop() else { return };
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let depth = self.path.len();
        if let Some(mention) = self.mentions.pop_if(|mention| mention.depth == depth) {
            return pom.take(mention);
        }
        if let Some(mention) = self
            .mentions
            .last_mut()
            .filter(|open| open.depth + 1 == depth)
        {
            if let Some(field) = field(&name) {
                mention.fields.insert(field, text);
            }
        } else if self.is_in_properties() {
            pom.properties.entry(name).or_insert(text);
        } else if depth == 1 && field(&name).is_some() {
            pom.properties.insert(format!("project.{name}"), text);
        }
    }
}

impl Open {
    /// In `project/properties` or `project/profiles/profile/properties`, not in configuration.
    fn is_in_properties(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        matches!(
            path.as_slice(),
            ["project", "properties"] | ["project", "profiles", "profile", "properties"]
        )
    }
}

fn field(name: &str) -> Option<&'static str> {
    ["groupId", "artifactId", "version", "scope", "relativePath"]
        .into_iter()
        .find(|field| *field == name)
}

impl Mention {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn group(&self) -> &str {
        match (self.field("groupId"), self.element.as_str()) {
            ("", "plugin") => PLUGIN_GROUP,
            (group, _) => group,
        }
    }
}

impl Pom {
    /// Keeps a coordinate; what is only managed is a version for others, not a download.
    fn take(&mut self, mention: Mention) {
        if mention.element == "parent" {
            // Maven refuses a POM with a second one.
            if std::mem::replace(&mut self.has_parent, true) {
                return;
            }
            for name in ["groupId", "artifactId", "version"] {
                let value = mention.field(name).to_owned();
                self.properties
                    .insert(format!("project.parent.{name}"), value.clone());
                self.properties
                    .entry(format!("project.{name}"))
                    .or_insert(value);
            }
        }
        if mention.management && mention.field("scope") != "import" {
            let name = format!("{}:{}", mention.group(), mention.field("artifactId"));
            let version = mention.field("version").to_owned();
            self.managed.entry(name).or_insert(version);
            return;
        }
        self.mentions.push(mention);
    }

    fn add(&self, mention: &Mention, path: &Path, draft: &mut Draft<'_>) {
        let raw = format!("{}:{}", mention.group(), mention.field("artifactId"));
        let name = self.substituted(&raw);
        let place = draft.place_at(&format!("{} {name}", mention.element), mention.line);
        let managed = self.managed.get(&raw).map_or("", String::as_str);
        let stated = match mention.field("version") {
            "" => managed,
            stated => stated,
        };
        let version = self.substituted(stated);
        let source = match mention.field("scope") {
            "system" => Source::Other(SourceKind::File),
            _ if is_local_parent(mention, path) => Source::Other(SourceKind::Workspace),
            _ => Source::Registry(None),
        };
        let open =
            version.is_empty() || version.contains("${") || version.contains(['[', '(', ',']);
        if open && matches!(source, Source::Registry(_)) {
            let message = match version.as_str() {
                "" => "the POM does not say which version".to_owned(),
                version => format!("{:?} is not one version", shown(version)),
            };
            let remedy = match mention.element.as_str() {
                "dependency" => LIST_REMEDY,
                _ => PLUGIN_REMEDY,
            };
            let package = draft.package(&name);
            return draft.problem(place, package, message, remedy);
        }
        draft.add(Entry {
            name: &name,
            version: &version,
            integrity: Vec::new(),
            source,
            dev: Some(mention.field("scope") == "test"),
            place,
        });
    }

    /// Puts properties in for `${…}`; what is unknown stays.
    fn substituted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..SUBSTITUTIONS_MAX {
            let Some((before, rest)) = text.split_once("${") else {
                break;
            };
            let Some((name, after)) = rest.split_once('}') else {
                break;
            };
            let bare = name
                .strip_prefix("pom.")
                .map(|name| format!("project.{name}"));
            let value = self.properties.get(bare.as_deref().unwrap_or(name));
            let Some(value) = value.filter(|value| value.len() < VALUE_BYTES_MAX) else {
                break;
            };
            text = format!("{before}{value}{after}");
        }
        text
    }
}

/// Whether the parent is a file of the same project: Maven then does not fetch it.
fn is_local_parent(mention: &Mention, path: &Path) -> bool {
    if mention.element != "parent" {
        return false;
    }
    let relative = match mention.fields.get("relativePath").map(String::as_str) {
        Some("") => return false,
        Some(relative) => relative,
        None => "../pom.xml",
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut target = folder.join(relative);
    if target.is_dir() {
        target.push("pom.xml");
    }
    let wanted = format!("<artifactId>{}</artifactId>", mention.field("artifactId"));
    let bytes = match target.is_file() {
        true => bytes_of(&target).unwrap_or_default(),
        false => Vec::new(),
    };
    String::from_utf8_lossy(&bytes).contains(&wanted)
}

/// XML's own five entities; any other stays as it was written and fits no name.
fn entity(name: &str) -> String {
    match name {
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "apos" => "'".to_owned(),
        "quot" => "\"".to_owned(),
        name => format!("&{name};"),
    }
}

fn newlines(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.matches('\n').count())
}

fn line_at(text: &str, position: usize) -> usize {
    newlines(text.get(..position)) + 1
}
