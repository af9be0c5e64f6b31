//! The body of `PUT /{package}`, read while it arrives (the registry API of CouchDB descent).
//!
//! It holds a whole tarball in base64 at `_attachments.<name>-<version>.tgz.data`. That string is
//! decoded into a [`Sink`] as it comes; everything else is kept, up to a limit, and parsed at the
//! end. A `.sigstore` attachment is no base64 but JSON in a string, and small: it is kept too.

use std::collections::BTreeSet;
use std::io;

use serde_json::{Map, Value};

use super::base64::{Decoder, Stopped};
use super::lexer::{Lexer, Lost, Token};
use super::problem::Problem;
use super::text::{Next, Unescape};

/// Fields of the top level that are looked at for duplicates; more is no honest document.
const FIELDS_MAX: usize = 256;

/// Takes the bytes of the tarball while they arrive.
pub trait Sink {
    /// The attachment of this key begins.
    fn begin(&mut self, key: &str) -> io::Result<()>;
    /// Some more of its bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// It is whole, but not checked.
    fn end(&mut self) -> io::Result<()>;
}

/// How much is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishLimits {
    /// Of the document without its tarball.
    pub document_bytes_max: usize,
    /// Of the tarball, decoded.
    pub tarball_bytes_max: u64,
}

/// Why reading stopped; nothing more may be pushed.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The client's body is wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The sink failed.
    #[error("the attachment could not be written: {0}")]
    Sink(#[from] io::Error),
}

/// What a body held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upload {
    /// The document without `_attachments`.
    pub document: Map<String, Value>,
    /// What hung on it, in order.
    pub attachments: Vec<Attachment>,
}

/// What is known of an attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// Its name, as the client chose it.
    pub key: String,
    /// The media type that the client states.
    pub content_type: Option<String>,
    /// The length that the client states.
    pub stated_length: Option<u64>,
    /// How many bytes the sink got; `None` if it was not decoded.
    pub decoded_length: Option<u64>,
    /// What stood in `data` of one that is not decoded.
    pub text: Option<String>,
}

/// Reads such a body; give it the chunks, then [`PublishReader::finish`].
#[derive(Debug)]
pub struct PublishReader {
    limits: PublishLimits,
    lexer: Lexer,
    /// Everything but the data of tarballs.
    kept: Vec<u8>,
    /// The keys from the top down to here, as far as they matter.
    keys: [String; 3],
    /// Of the top level, of `_attachments`, of the current attachment.
    seen: [BTreeSet<String>; 3],
    data: Option<Data>,
    tarball: Option<(String, u64)>,
}

/// A data string that is being read.
#[derive(Debug)]
struct Data {
    decoder: Decoder,
    unescape: Unescape,
    length: u64,
}

impl PublishReader {
    /// A reader that has seen nothing.
    pub fn new(limits: PublishLimits) -> Self {
        Self {
            limits,
            lexer: Lexer::new(),
            kept: Vec::new(),
            keys: Default::default(),
            seen: Default::default(),
            data: None,
            tarball: None,
        }
    }

    /// Takes the next chunk, of any length.
    pub fn push(&mut self, mut chunk: &[u8], sink: &mut dyn Sink) -> Result<(), Broken> {
        while !chunk.is_empty() {
            let eaten = match &self.data {
                Some(_) => self.data(chunk, sink)?,
                None => self.document(chunk, sink)?,
            };
            chunk = &chunk[eaten..];
        }
        Ok(())
    }

    /// The body has ended.
    pub fn finish(self) -> Result<Upload, Problem> {
        if !self.lexer.has_ended() {
            return Err(Problem::malformed("the body ends before its JSON document"));
        }
        let document = serde_json::from_slice(&self.kept);
        let mut document: Map<String, Value> = document.map_err(|error| {
            Problem::malformed(format!("the body is no JSON document: {error}"))
        })?;
        let attachments = match document.shift_remove("_attachments") {
            Some(Value::Object(attachments)) => attachments,
            _ => Map::new(),
        };
        let attachments = attachments
            .into_iter()
            .map(|(key, value)| self.attachment(key, value));
        Ok(Upload {
            attachments: attachments.collect::<Result<_, _>>()?,
            document,
        })
    }

    /// Steps over something that is kept; how many bytes it was.
    fn document(&mut self, chunk: &[u8], sink: &mut dyn Sink) -> Result<usize, Broken> {
        let run = self.lexer.run(chunk);
        if run > 0 {
            self.keep(&chunk[..run])?;
            return Ok(run);
        }
        let Some(byte) = chunk.first() else {
            return Ok(0);
        };
        self.keep(&chunk[..1])?;
        match self.lexer.step(*byte).map_err(lost)? {
            Token::Key(written) => self.key(&written)?,
            Token::Value(first) => self.value(first, sink)?,
            Token::Inside | Token::End => {}
        }
        Ok(1)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let limit = self.limits.document_bytes_max;
        if self.kept.len() + bytes.len() > limit {
            return Err(Problem::too_large(format!(
                "the document without its tarball is larger than {limit} bytes"
            )));
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    /// A key ended; those that matter are told apart from each other.
    fn key(&mut self, written: &[u8]) -> Result<(), Problem> {
        let level = match self.lexer.depth() {
            1 => 0,
            2 if self.is_in_attachments() => 1,
            3 if self.is_in_attachments() => 2,
            _ => return Ok(()),
        };
        let quoted = [b"\"", written, b"\""].concat();
        let key: String = serde_json::from_slice(&quoted)
            .map_err(|_| Problem::malformed("the body has a key that is no text"))?;
        if !self.seen[level].insert(key.clone()) {
            return Err(Problem::malformed(format!(
                "field {} stands there twice",
                self.field(level, &key)
            )));
        }
        if self.seen[level].len() > FIELDS_MAX {
            return Err(Problem::malformed("the document has too many fields"));
        }
        if level == 1 {
            self.seen[2].clear();
        }
        self.keys[level] = key;
        Ok(())
    }

    /// A value begins: it may be the tarball's data, and what leads there must be an object.
    fn value(&mut self, first: u8, sink: &mut dyn Sink) -> Result<(), Broken> {
        // An object that begins has been entered.
        let depth = self.lexer.depth() - u32::from(matches!(first, b'{' | b'['));
        if depth == 0 || !self.is_in_attachments() {
            return Ok(());
        }
        if depth < 3 && first != b'{' {
            let field = self.field(depth as usize - 1, &self.keys[depth as usize - 1]);
            return Err(Problem::malformed(format!("field {field} is no object")).into());
        }
        if depth != 3 || self.keys[2] != "data" {
            return Ok(());
        }
        if first != b'"' {
            let field = self.field(2, "data");
            return Err(Problem::malformed(format!("field {field} is no string")).into());
        }
        if is_kept(&self.keys[1]) {
            return Ok(());
        }
        self.begin_data(sink)
    }

    fn begin_data(&mut self, sink: &mut dyn Sink) -> Result<(), Broken> {
        let key = &self.keys[1];
        if !key.ends_with(".tgz") {
            return Err(Problem::malformed(format!(
                "attachment {key:?} is neither a .tgz nor a .sigstore file"
            ))
            .into());
        }
        if let Some((other, _)) = &self.tarball {
            return Err(Problem::malformed(format!(
                "_attachments holds two tarballs, {other:?} and {key:?}: publish one at a time"
            ))
            .into());
        }
        sink.begin(key)?;
        self.tarball = Some((key.clone(), 0));
        self.data = Some(Data {
            decoder: Decoder::new(),
            unescape: Unescape::Plain,
            length: 0,
        });
        Ok(())
    }

    /// Decodes what the chunk holds of a data string; how many bytes it was.
    fn data(&mut self, chunk: &[u8], sink: &mut dyn Sink) -> Result<usize, Broken> {
        let limit = self.limits.tarball_bytes_max;
        let Some(data) = &mut self.data else {
            return Ok(0);
        };
        let mut eaten = 0;
        while eaten < chunk.len() {
            let rest = &chunk[eaten..];
            let wrong = |_| wrong_base64(&self.keys[1]);
            let (length, symbols) = match data.unescape.next(rest).map_err(wrong)? {
                Next::Run(length) => (length, &rest[..length]),
                Next::Byte(None) => (1, &rest[..0]),
                Next::Byte(Some(symbol)) => (1, &[symbol][..]),
                Next::End => {
                    self.end_data(sink)?;
                    return Ok(eaten + 1);
                }
            };
            eaten += length;
            match data.push(symbols, limit, sink) {
                Ok(()) => {}
                Err(Stopped::NotBase64) => return Err(wrong_base64(&self.keys[1]).into()),
                Err(Stopped::Taker(_)) if data.length > limit => {
                    let text = format!("the tarball is larger than {limit} bytes");
                    return Err(Problem::too_large(text).into());
                }
                Err(Stopped::Taker(error)) => return Err(Broken::Sink(error)),
            }
        }
        Ok(eaten)
    }

    fn end_data(&mut self, sink: &mut dyn Sink) -> Result<(), Broken> {
        if let Some(data) = self.data.take() {
            let key = &self.keys[1];
            data.decoder.finish().map_err(|_| wrong_base64(key))?;
            self.tarball = Some((key.clone(), data.length));
            sink.end()?;
        }
        // The quote that opened it is kept already.
        self.lexer.string_was_read();
        Ok(self.keep(b"\"")?)
    }

    fn is_in_attachments(&self) -> bool {
        self.keys[0] == "_attachments"
    }

    fn field(&self, level: usize, key: &str) -> String {
        let parents = self.keys[..level].iter().map(String::as_str);
        parents.chain([key]).collect::<Vec<_>>().join(".")
    }

    fn attachment(&self, key: String, value: Value) -> Result<Attachment, Problem> {
        let text_of = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let stated_length = match value.get("length") {
            None | Some(Value::Null) => None,
            Some(length) => Some(length.as_u64().ok_or_else(|| {
                Problem::malformed(format!("field _attachments.{key}.length is no length"))
            })?),
        };
        let decoded = self.tarball.as_ref().filter(|(tarball, _)| *tarball == key);
        let kept = is_kept(&key).then(|| text_of("data")).flatten();
        if decoded.is_none() && kept.is_none() {
            return Err(Problem::malformed(format!(
                "field _attachments.{key}.data is missing"
            )));
        }
        Ok(Attachment {
            content_type: text_of("content_type"),
            stated_length,
            decoded_length: decoded.map(|(_, length)| *length),
            text: kept,
            key,
        })
    }
}

impl Data {
    fn push(&mut self, symbols: &[u8], limit: u64, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let length = &mut self.length;
        self.decoder.push(symbols, &mut |bytes| {
            *length += bytes.len() as u64;
            match *length > limit {
                true => Err(io::ErrorKind::FileTooLarge.into()),
                false => sink.write(bytes),
            }
        })
    }
}

/// A provenance bundle: JSON in a string, which is kept as it is.
fn is_kept(key: &str) -> bool {
    key.ends_with(".sigstore")
}

fn wrong_base64(key: &str) -> Problem {
    Problem::malformed(format!("field _attachments.{key}.data is not base64"))
}

fn lost(why: Lost) -> Problem {
    Problem::malformed(match why {
        Lost::TooDeep => "the body nests too deeply",
        Lost::LongKey => "the body has a key that is too long",
        Lost::NoObject => "the body is no JSON object",
        Lost::Behind => "something stands behind the JSON document",
    })
}
