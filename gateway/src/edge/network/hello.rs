//! The TLS ClientHello at the beginning of a connection: which name it asks for, before anything
//! answers it.
//!
//! A reader that looks and does not consume: it is given all bytes that came so far, each time from
//! the first, and changes nothing, so that the same bytes can then be opened by the TLS library or
//! passed on. It is no TLS library: keys, versions and ciphers are not looked at. But where it
//! finds a name, the library finds the same name or refuses the hello; otherwise a client could be
//! judged by one name and served under another.

use std::collections::BTreeSet;

use super::name;

/// How much of a connection is looked at: a hello of 16 KiB and the headers of its records. Nothing
/// beyond it changes the answer, and a hello that is not whole within it is refused.
pub const HELLO_BYTES: usize = 17 * 1024;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Too few bytes to tell.
    More,
    /// A whole hello. What follows it was not looked at.
    Hello(Hello),
    /// Another protocol.
    NotTls,
    /// TLS that no well-meaning client sends; to be refused whatever the settings say of nameless
    /// connections.
    Bad(&'static str),
}

/// What a hello asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The server name (RFC 6066 §3), in small letters.
    pub name: Option<String>,
    /// The protocols that the client offers, in its order (RFC 7301 §3.1).
    pub alpn: Vec<Vec<u8>>,
    /// Whether the Encrypted ClientHello extension is there (RFC 9849): the name is then the outer
    /// one. Clients also send it without meaning it (GREASE).
    pub encrypted: bool,
}

type Read<T> = Result<T, &'static str>;

const HANDSHAKE: u8 = 22;
/// change_cipher_spec to heartbeat.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=24;
const MAJOR_VERSION: u8 = 3;
/// RFC 8446 §5.1
const RECORD_BYTES: usize = 1 << 14;
const CLIENT_HELLO: u8 = 1;
const MESSAGE_HEADER_BYTES: usize = 4;

const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const ALPN: u16 = 16;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Reads what came so far, from the connection's first byte on.
pub fn read(bytes: &[u8]) -> Seen {
    let whole = bytes.len() >= HELLO_BYTES;
    let bytes = &bytes[..bytes.len().min(HELLO_BYTES)];
    match *bytes {
        [] => return Seen::More,
        [kind, ..] if !RECORD_TYPES.contains(&kind) => return Seen::NotTls,
        [_, major, ..] if major != MAJOR_VERSION => return Seen::NotTls,
        _ => {}
    }
    match message(bytes) {
        Ok(Some(message)) => hello(&message).map_or_else(Seen::Bad, Seen::Hello),
        Ok(None) if whole => Seen::Bad("hello is too large"),
        Ok(None) => Seen::More,
        Err(fault) => Seen::Bad(fault),
    }
}

/// The body of the first handshake message, put together from as many records as it takes (RFC 8446
/// §5.1).
fn message(mut bytes: &[u8]) -> Read<Option<Vec<u8>>> {
    let mut message = Vec::new();
    while let Some((payload, rest)) = record(bytes)? {
        bytes = rest;
        message.extend_from_slice(payload);
        if message.first() != Some(&CLIENT_HELLO) {
            return Err("first message is not a hello");
        }
        let Some((&[_, high, middle, low], body)) = message.split_first_chunk() else {
            continue;
        };
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if length > HELLO_BYTES {
            return Err("hello is too large");
        }
        if body.len() > length {
            return Err("another message in the record of the hello");
        }
        if body.len() == length {
            message.drain(..MESSAGE_HEADER_BYTES);
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// The payload of the first record, and what follows it.
fn record(bytes: &[u8]) -> Read<Option<(&[u8], &[u8])>> {
    let Some((&[kind, major, _, high, low], rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    if kind != HANDSHAKE {
        return Err("record of another type before the end of the hello");
    }
    if major != MAJOR_VERSION {
        return Err("record of an unknown version");
    }
    match usize::from(u16::from_be_bytes([high, low])) {
        0 => Err("empty record"),
        length if length > RECORD_BYTES => Err("record is too large"),
        length => Ok(rest.split_at_checked(length)),
    }
}

/// RFC 8446 §4.1.2, RFC 5246 §7.4.1.2
fn hello(body: &[u8]) -> Read<Hello> {
    let mut fields = Fields(body);
    if fields.number()? >> 8 != u16::from(MAJOR_VERSION) {
        return Err("hello of an unknown version");
    }
    fields.take(32)?;
    if fields.short_vector()?.len() > 32 {
        return Err("session identifier is too long");
    }
    let suites = fields.vector()?;
    if suites.is_empty() || suites.len() % 2 != 0 {
        return Err("illegal list of cipher suites");
    }
    if !fields.short_vector()?.contains(&0) {
        return Err("hello without the null compression");
    }
    // Before TLS 1.2 a hello could end here.
    if fields.is_empty() {
        return Ok(Hello::default());
    }
    let extensions = fields.vector()?;
    fields.end()?;
    self::extensions(extensions)
}

fn extensions(bytes: &[u8]) -> Read<Hello> {
    let mut hello = Hello::default();
    let mut kinds = BTreeSet::new();
    let mut fields = Fields(bytes);
    while !fields.is_empty() {
        let kind = fields.number()?;
        let content = fields.vector()?;
        if !kinds.insert(kind) {
            return Err("extension stands twice");
        }
        match kind {
            SERVER_NAME => hello.name = Some(server_name(content)?),
            ALPN => hello.alpn = protocols(content)?,
            ENCRYPTED_CLIENT_HELLO => hello.encrypted = true,
            _ => {}
        }
    }
    Ok(hello)
}

/// Exactly one name, and that a host's: no other type was ever defined, and what an unknown one's
/// length would be is not known (RFC 6066 §3).
fn server_name(content: &[u8]) -> Read<String> {
    let mut fields = Fields(content);
    let mut list = Fields(fields.vector()?);
    fields.end()?;
    if list.byte()? != HOST_NAME {
        return Err("server name of an unknown type");
    }
    let host = list.vector()?;
    if !list.is_empty() {
        return Err("two server names");
    }
    name::parse(host)
}

fn protocols(content: &[u8]) -> Read<Vec<Vec<u8>>> {
    let mut fields = Fields(content);
    let mut list = Fields(fields.vector()?);
    fields.end()?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        protocols.push(list.short_vector()?.to_vec());
    }
    if protocols.is_empty() || protocols.iter().any(Vec::is_empty) {
        return Err("empty protocol name or list of them");
    }
    Ok(protocols)
}

/// The presentation language of RFC 8446 §3, read from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn end(&self) -> Read<()> {
        match self.is_empty() {
            true => Ok(()),
            false => Err("bytes left over"),
        }
    }

    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("field is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Read<u16> {
        Ok(u16::from(self.byte()?) << 8 | u16::from(self.byte()?))
    }

    /// At most 255 bytes.
    fn short_vector(&mut self) -> Read<&'a [u8]> {
        let length = self.byte()?;
        self.take(length.into())
    }

    /// At most 65 535 bytes.
    fn vector(&mut self) -> Read<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests;
