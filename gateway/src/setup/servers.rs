//! The `<server>` in Maven's `settings.xml` (Settings Reference, Servers).
//!
//! As in [`super::settings`], the document is read to find the places, and changed there as text.
//! Of a server `portcullis` only user name and password are replaced.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::login::USER;
use super::settings;
use crate::access::TokenText;

const DEPTH_MAX: usize = 64;
const UNUSABLE: &str = "this is no settings.xml that can be read; correct it";

/// A place in the text, and what is to stand there.
type Change = (Range<usize>, String);

/// An element that has begun: its name and where.
type Open = (String, usize);

/// A `<server>` as far as it has been read.
#[derive(Default)]
struct Server {
    id: String,
    username: Option<Range<usize>>,
    password: Option<Range<usize>>,
}

/// What is found on the way through the document.
struct Search<'a> {
    token: &'a TokenText,
    open: Vec<Open>,
    text: String,
    server: Server,
    changes: Vec<Change>,
    /// Where a server goes if there is none of ours.
    place: Option<Change>,
}

/// What a user gets who has no file.
pub(super) fn new_file(token: &TokenText) -> String {
    let server = server(token);
    format!("<settings>\n  <servers>\n{server}  </servers>\n</settings>\n")
}

/// The text with the server in it; the message says what is in the way and what to do.
pub(super) fn merge(text: &str, token: &TokenText) -> Result<String, String> {
    let mut search = Search {
        token,
        open: Vec::new(),
        text: String::new(),
        server: Server::default(),
        changes: Vec::new(),
        place: None,
    };
    let mut reader = Reader::from_str(text);
    while !search.is_done() {
        let start = settings::offset(&reader, text).ok_or(UNUSABLE)?;
        let event = reader.read_event().map_err(|_| UNUSABLE)?;
        let end = settings::offset(&reader, text).ok_or(UNUSABLE)?;
        search.take(event, start..end)?;
    }
    let mut changes = search.changes;
    if changes.is_empty() {
        changes.extend(search.place);
    }
    // From the back, so that the places before stay what they are.
    changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut merged = text.to_owned();
    for (range, replacement) in changes {
        merged.replace_range(range, &replacement);
    }
    Ok(merged)
}

impl Search<'_> {
    /// The root has ended: there is a place at least.
    fn is_done(&self) -> bool {
        self.open.is_empty() && self.place.is_some()
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), &'static str> {
        match event {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                if self.open.len() == DEPTH_MAX || (self.open.is_empty() && name != "settings") {
                    return Err(UNUSABLE);
                }
                self.open.push((name, range.start));
                self.text.clear();
            }
            Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                self.open.push((name, range.start));
                self.text.clear();
                self.empty(&range);
                self.open.pop();
            }
            Event::Text(piece) => self.text.push_str(&piece),
            Event::CData(piece) => self.text.push_str(&piece),
            Event::End(_) => {
                self.end(range);
                self.open.pop().ok_or(UNUSABLE)?;
                self.text.clear();
            }
            Event::Eof => return Err(UNUSABLE),
            _ => {}
        }
        Ok(())
    }

    fn path(&self) -> String {
        let names: Vec<&str> = self.open.iter().map(|(name, _)| name.as_str()).collect();
        names.join("/")
    }

    /// An element without content, which is the last one open.
    fn empty(&mut self, range: &Range<usize>) {
        match self.path().as_str() {
            "settings/servers" => {
                let servers = format!("<servers>\n{}  </servers>", server(self.token));
                self.place = Some((range.clone(), servers));
            }
            "settings/servers/server/username" => self.server.username = Some(range.clone()),
            "settings/servers/server/password" => self.server.password = Some(range.clone()),
            _ => {}
        }
    }

    /// The last element open ends with the tag at `range`.
    fn end(&mut self, range: Range<usize>) {
        let start = self.open.last().map_or(range.start, |(_, start)| *start);
        let before = range.start..range.start;
        match self.path().as_str() {
            "settings/servers/server/id" => self.server.id = self.text.trim().to_owned(),
            "settings/servers/server/username" => self.server.username = Some(start..range.end),
            "settings/servers/server/password" => self.server.password = Some(start..range.end),
            "settings/servers/server" => self.end_server(before),
            "settings/servers" => {
                self.place = Some((before, format!("{}  ", server(self.token))));
            }
            "settings" if self.place.is_none() => {
                let servers = format!("  <servers>\n{}  </servers>\n", server(self.token));
                self.place = Some((before, servers));
            }
            _ => {}
        }
    }

    fn end_server(&mut self, before: Range<usize>) {
        let server = std::mem::take(&mut self.server);
        if server.id != "portcullis" {
            return;
        }
        // Of two at one place the later one comes to stand first.
        let values = [
            (server.password, password(self.token)),
            (server.username, username()),
        ];
        for (present, element) in values {
            let change = match present {
                Some(range) => (range, element),
                None => (before.clone(), format!("  {element}\n    ")),
            };
            self.changes.push(change);
        }
    }
}

fn username() -> String {
    format!("<username>{USER}</username>")
}

fn password(token: &TokenText) -> String {
    format!("<password>{}</password>", escape(token.reveal()))
}

fn server(token: &TokenText) -> String {
    format!(
        "    <server>\n      <id>portcullis</id>\n      {}\n      {}\n    </server>\n",
        username(),
        password(token)
    )
}
