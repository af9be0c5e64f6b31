//! Reading an upload's body as it arrives: multipart/form-data (RFC 7578, RFC 2046 section 5.1).
//!
//! The part `content` is handed on in pieces and never held; all other parts are fields, which are
//! kept, and bounded. A text that two readers could take for two different forms is refused.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::disposition::{Disposition, boundary};
use super::refused::{Refused, shown};

/// Part headers: clients send one or two lines.
const HEADER_LINES_MAX: usize = 8;
const HEADER_LINE_BYTES_MAX: usize = 2048;

/// Between a boundary and the line's end (RFC 2046: transport padding).
const PADDING_BYTES_MAX: usize = 64;

/// In front of the first boundary and behind the last, where no client puts anything.
const AROUND_BYTES_MAX: usize = 4096;

/// How much of a form is taken.
#[derive(Clone, Copy, Debug)]
pub struct FormLimits {
    /// Of the file.
    pub content_bytes_max: u64,
    /// Of one field's value.
    pub field_bytes_max: usize,
    /// Of all fields, names and values.
    pub fields_bytes_max: usize,
    /// How many fields, each repetition counted.
    pub fields_max: usize,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self {
            content_bytes_max: 1 << 30,
            field_bytes_max: 2 << 20,
            fields_bytes_max: 4 << 20,
            fields_max: 2048,
        }
    }
}

/// What happens to the part `content`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It begins; the file's name as the client gave it, not checked.
    Begin(String),
    /// The next bytes of the file.
    Bytes(Bytes),
    /// The file is whole.
    End,
}

/// The fields of a form, in its order; one name may have several values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Reads a form in chunks of any size: [`push`](Self::push) one, take every
/// [`event`](Self::event), go on; [`finish`](Self::finish) behind the last.
#[derive(Debug)]
pub struct UploadReader {
    /// CR LF, two dashes, the boundary.
    delimiter: Vec<u8>,
    limits: FormLimits,
    /// What has arrived and is not read yet: a chunk, and less than a line or delimiter before it.
    buffer: BytesMut,
    state: State,
    fields: Fields,
    fields_bytes: usize,
    has_content: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// Before the first boundary, with the bytes skipped.
    Preamble(usize),
    /// Right behind a boundary.
    Boundary,
    Headers(Headers),
    Content(u64),
    ContentEnd,
    Field(String, Vec<u8>),
    /// Behind the last boundary, with the bytes skipped.
    Epilogue(usize),
    Broken(Refused),
}

#[derive(Clone, Debug, Default)]
struct Headers {
    lines: usize,
    disposition: Option<String>,
}

/// How far a step came.
enum Step {
    Starved,
    Next(State),
    Emit(Event, State),
}

impl Fields {
    /// The field's values.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The value of a field that may be there once; an empty one is none.
    pub fn one<'f>(&'f self, name: &str) -> Result<Option<&'f str>, Refused> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first.filter(|value| !value.is_empty())),
            Some(_) => Err(Refused::malformed(format!("field '{name}' is given twice"))),
        }
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_string(), (*value).to_string());
        Self(pairs.iter().map(owned).collect())
    }
}

impl UploadReader {
    /// A reader for the body of a request with this `Content-Type`.
    pub fn new(content_type: &str, limits: FormLimits) -> Result<Self, Refused> {
        let delimiter = format!("\r\n--{}", boundary(content_type)?);
        Ok(Self {
            delimiter: delimiter.into_bytes(),
            limits,
            // The first boundary may be the first line, without the CR LF of the others.
            buffer: BytesMut::from(&b"\r\n"[..]),
            state: State::Preamble(0),
            fields: Fields::default(),
            fields_bytes: 0,
            has_content: false,
        })
    }

    /// Takes the next bytes of the body. All events of the ones before are to be taken first.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next thing that happens; `None` until more bytes are pushed. After an error there are
    /// only errors.
    pub fn event(&mut self) -> Result<Option<Event>, Refused> {
        loop {
            match self.step() {
                Ok(Step::Starved) => return Ok(None),
                Ok(Step::Next(state)) => self.state = state,
                Ok(Step::Emit(event, state)) => {
                    self.state = state;
                    return Ok(Some(event));
                }
                Err(refused) => {
                    self.state = State::Broken(refused.clone());
                    return Err(refused);
                }
            }
        }
    }

    /// The fields that are whole so far: clients send them before the file.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The form's fields, if it is whole and had a file.
    pub fn finish(self) -> Result<Fields, Refused> {
        let place = match self.state {
            State::Epilogue(_) if self.has_content => return Ok(self.fields),
            State::Epilogue(_) => {
                return Err(Refused::malformed("the form has no field 'content'"));
            }
            State::Broken(refused) => return Err(refused),
            State::Content(_) | State::ContentEnd => "in field 'content'".to_string(),
            State::Field(name, _) => format!("in field '{name}'"),
            State::Preamble(_) => "before its first boundary".to_string(),
            State::Boundary | State::Headers(_) => "before its last boundary".to_string(),
        };
        Err(Refused::malformed(format!("the form ends {place}")))
    }

    fn step(&mut self) -> Result<Step, Refused> {
        // Taken out, so that a value can grow in it; every way on puts a state back.
        match std::mem::replace(&mut self.state, State::Boundary) {
            State::Preamble(skipped) => {
                let (bytes, found) = self.up_to_delimiter();
                let skipped = skipped + bytes.len();
                around(skipped)?;
                Ok(self.go(State::Preamble(skipped), found.then_some(State::Boundary)))
            }
            State::Boundary => self.boundary(),
            State::Headers(headers) => self.header(headers),
            State::Content(taken) => self.content(taken),
            State::ContentEnd => Ok(Step::Emit(Event::End, State::Boundary)),
            State::Field(name, value) => self.field(name, value),
            State::Epilogue(skipped) => {
                let skipped = skipped + self.buffer.len();
                self.buffer.clear();
                around(skipped)?;
                Ok(self.go(State::Epilogue(skipped), None))
            }
            State::Broken(refused) => Err(refused),
        }
    }

    /// On to the next state, or back to this one until more has arrived.
    fn go(&mut self, here: State, next: Option<State>) -> Step {
        match next {
            Some(next) => Step::Next(next),
            None => {
                self.state = here;
                Step::Starved
            }
        }
    }

    /// `--` behind the last boundary, the end of the line behind the others.
    fn boundary(&mut self) -> Result<Step, Refused> {
        if self.buffer.starts_with(b"--") {
            return Ok(Step::Next(State::Epilogue(0)));
        }
        let line_end = memmem::find(&self.buffer, b"\r\n");
        let padding = &self.buffer[..line_end.unwrap_or(self.buffer.len())];
        let open = match line_end {
            Some(_) => padding,
            // What may still become CR LF or two dashes.
            None if padding == b"-" => b"",
            None => padding.strip_suffix(b"\r").unwrap_or(padding),
        };
        let blank = open.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        if !blank || open.len() > PADDING_BYTES_MAX {
            return Err(Refused::malformed(
                "the form has text behind a boundary where its line must end",
            ));
        }
        let Some(line_end) = line_end else {
            return Ok(self.go(State::Boundary, None));
        };
        let _ = self.buffer.split_to(line_end + 2);
        Ok(Step::Next(State::Headers(Headers::default())))
    }

    fn header(&mut self, mut headers: Headers) -> Result<Step, Refused> {
        let bad = |why: &str| Refused::malformed(format!("a part of the form {why}"));
        let Some(end) = memmem::find(&self.buffer, b"\r\n") else {
            if self.buffer.len() > HEADER_LINE_BYTES_MAX {
                return Err(bad("has a header line that is too long"));
            }
            return Ok(self.go(State::Headers(headers), None));
        };
        if end == 0 {
            // Readers differ on whether the empty line may belong to a boundary right behind it.
            let delimiter = &self.delimiter[2..];
            let behind = &self.buffer[2..];
            if behind.len() < delimiter.len() {
                return Ok(self.go(State::Headers(headers), None));
            }
            if behind.starts_with(delimiter) {
                return Err(bad("has neither a value nor an empty line"));
            }
        }
        let line = self.buffer.split_to(end + 2);
        let line = std::str::from_utf8(&line[..end]).unwrap_or("\0");
        if line.is_empty() {
            return self.part(&headers);
        }
        headers.lines += 1;
        if end > HEADER_LINE_BYTES_MAX || headers.lines > HEADER_LINES_MAX {
            return Err(bad("has too many headers"));
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let control = |letter: char| letter.is_control() && letter != '\t';
        if name.is_empty() || !name.bytes().all(token) || value.contains(control) {
            return Err(bad(&format!("has the illegal header {}", shown(line))));
        }
        let value = value.trim();
        let plain = ["7bit", "8bit", "binary"];
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if headers.disposition.is_some() => {
                return Err(bad("has two Content-Disposition headers"));
            }
            "content-disposition" => headers.disposition = Some(value.to_string()),
            "content-transfer-encoding"
                if !plain.iter().any(|known| value.eq_ignore_ascii_case(known)) =>
            {
                let why = "a part of the form has a Content-Transfer-Encoding";
                return Err(Refused::unsupported(why));
            }
            _ => {}
        }
        Ok(Step::Next(State::Headers(headers)))
    }

    /// Behind a part's headers.
    fn part(&mut self, headers: &Headers) -> Result<Step, Refused> {
        let Disposition { name, filename } =
            Disposition::read(headers.disposition.as_deref().unwrap_or_default())?;
        if name != "content" {
            self.fields_bytes += name.len();
            if self.fields.0.len() == self.limits.fields_max {
                return Err(over(&name, self.limits.fields_max as u64, "fields"));
            }
            return Ok(Step::Next(State::Field(name, Vec::new())));
        }
        let filename = filename
            .ok_or_else(|| Refused::malformed("field 'content' has no filename: it is no file"))?;
        if std::mem::replace(&mut self.has_content, true) {
            return Err(Refused::malformed("field 'content' is given twice"));
        }
        Ok(Step::Emit(Event::Begin(filename), State::Content(0)))
    }

    fn content(&mut self, taken: u64) -> Result<Step, Refused> {
        let (bytes, found) = self.up_to_delimiter();
        let taken = taken + bytes.len() as u64;
        let limit = self.limits.content_bytes_max;
        if taken > limit {
            return Err(over("content", limit, "bytes"));
        }
        let next = if found {
            State::ContentEnd
        } else {
            State::Content(taken)
        };
        if bytes.is_empty() {
            return Ok(self.go(State::Content(taken), found.then_some(next)));
        }
        Ok(Step::Emit(Event::Bytes(bytes), next))
    }

    fn field(&mut self, name: String, mut value: Vec<u8>) -> Result<Step, Refused> {
        let (bytes, found) = self.up_to_delimiter();
        value.extend_from_slice(&bytes);
        self.fields_bytes += bytes.len();
        if value.len() > self.limits.field_bytes_max {
            return Err(over(&name, self.limits.field_bytes_max as u64, "bytes"));
        }
        if self.fields_bytes > self.limits.fields_bytes_max {
            let limit = self.limits.fields_bytes_max as u64;
            return Err(over(&name, limit, "bytes of all fields"));
        }
        if !found {
            return Ok(self.go(State::Field(name, value), None));
        }
        let value = String::from_utf8(value)
            .map_err(|_| Refused::malformed(format!("field '{name}' is not UTF-8 text")))?;
        self.fields.0.push((name, value));
        Ok(Step::Next(State::Boundary))
    }

    /// What certainly stands before the next delimiter, and whether that was stepped over.
    fn up_to_delimiter(&mut self) -> (Bytes, bool) {
        let length = self.delimiter.len();
        if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
            let bytes = self.buffer.split_to(at).freeze();
            let _ = self.buffer.split_to(length);
            return (bytes, true);
        }
        let sure = (self.buffer.len() + 1).saturating_sub(length);
        (self.buffer.split_to(sure).freeze(), false)
    }
}

fn around(skipped: usize) -> Result<(), Refused> {
    if skipped > AROUND_BYTES_MAX {
        let why = "the form has too much text outside of its boundaries";
        return Err(Refused::malformed(why));
    }
    Ok(())
}

fn over(name: &str, limit: u64, what: &str) -> Refused {
    Refused::too_large(format!(
        "field '{name}' goes over the limit of {limit} {what}"
    ))
}
