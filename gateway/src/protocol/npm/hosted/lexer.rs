//! Where in a JSON document one stands while it arrives in pieces.
//!
//! It does not check the grammar, only follows it: what is followed is also kept, and is parsed as
//! a whole at the end. So it is right wherever the document is, and bounded where it is not.

/// As deep as objects and arrays nest in any honest document; serde_json takes 128.
const DEPTH_MAX: u32 = 100;
/// As long as a key may be that matters here.
const KEY_BYTES_MAX: usize = 1024;

/// What a byte of the document was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Part of something.
    Inside,
    /// A key ended; its text without quotes, as it is written.
    Key(Vec<u8>),
    /// A value begins with this byte.
    Value(u8),
    /// The document ended.
    End,
}

/// Why the document can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    TooDeep,
    LongKey,
    NoObject,
    Behind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A key or the end of an object.
    Key,
    InKey {
        escaped: bool,
    },
    Value,
    InString {
        escaped: bool,
    },
    /// Behind a key or a value, or inside of a number or a word.
    After,
    End,
}

/// A place in the document.
#[derive(Debug)]
pub(super) struct Lexer {
    state: State,
    /// The open ones, innermost lowest: a one for an object.
    kinds: u128,
    depth: u32,
    key: Vec<u8>,
}

impl Lexer {
    pub const fn new() -> Self {
        Self {
            state: State::Value,
            kinds: 0,
            depth: 0,
            key: Vec::new(),
        }
    }

    /// How many objects and arrays stand open.
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    pub fn has_ended(&self) -> bool {
        self.state == State::End
    }

    /// How many of these bytes are the inside of a string and nothing more.
    pub fn run(&self, bytes: &[u8]) -> usize {
        match self.state {
            State::InString { escaped: false } => {
                let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
                bytes.iter().position(ends).unwrap_or(bytes.len())
            }
            _ => 0,
        }
    }

    /// The string that has just begun was read by somebody else, closing quote included.
    pub const fn string_was_read(&mut self) {
        self.state = State::After;
    }

    /// Steps over one byte.
    pub fn step(&mut self, byte: u8) -> Result<Token, Lost> {
        match self.state {
            State::InKey { escaped } => return self.in_key(byte, escaped),
            State::InString { escaped } => {
                self.state = match (escaped, byte) {
                    (false, b'"') => State::After,
                    (false, b'\\') => State::InString { escaped: true },
                    _ => State::InString { escaped: false },
                };
                return Ok(Token::Inside);
            }
            _ => {}
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(Token::Inside);
        }
        match self.state {
            State::End => Err(Lost::Behind),
            State::Key if byte == b'"' => {
                self.key.clear();
                self.state = State::InKey { escaped: false };
                Ok(Token::Inside)
            }
            State::Value if byte != b']' => self.begin(byte),
            _ => Ok(self.punctuation(byte)),
        }
    }

    fn in_key(&mut self, byte: u8, escaped: bool) -> Result<Token, Lost> {
        if byte == b'"' && !escaped {
            self.state = State::After;
            return Ok(Token::Key(std::mem::take(&mut self.key)));
        }
        if self.key.len() >= KEY_BYTES_MAX {
            return Err(Lost::LongKey);
        }
        self.key.push(byte);
        let escaped = byte == b'\\' && !escaped;
        self.state = State::InKey { escaped };
        Ok(Token::Inside)
    }

    fn begin(&mut self, byte: u8) -> Result<Token, Lost> {
        if self.depth == 0 && byte != b'{' {
            return Err(Lost::NoObject);
        }
        self.state = match byte {
            b'"' => State::InString { escaped: false },
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(Lost::TooDeep);
                }
                self.kinds = self.kinds << 1 | u128::from(byte == b'{');
                if byte == b'{' {
                    State::Key
                } else {
                    State::Value
                }
            }
            _ => State::After,
        };
        Ok(Token::Value(byte))
    }

    /// A comma, a colon, an end, or the rest of a number or a word.
    fn punctuation(&mut self, byte: u8) -> Token {
        match byte {
            b',' if self.kinds & 1 == 1 => self.state = State::Key,
            b',' | b':' => self.state = State::Value,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.kinds >>= 1;
                self.state = State::After;
                if self.depth == 0 {
                    self.state = State::End;
                    return Token::End;
                }
            }
            _ => {}
        }
        Token::Inside
    }
}
