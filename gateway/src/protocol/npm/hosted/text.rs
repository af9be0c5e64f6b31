//! The inside of a JSON string that arrives in pieces (RFC 8259, section 7), with its escapes
//! undone, for strings that hold only ASCII.

/// A character that such a string may not hold, or a broken escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAscii;

/// Where in a string one stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Unescape {
    #[default]
    Plain,
    /// Behind a backslash.
    Escape,
    /// Behind `\u` and some digits.
    Code { digits: u8, value: u16 },
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// As many bytes that mean themselves.
    Run(usize),
    /// One byte was eaten, and means this, or nothing so far.
    Byte(Option<u8>),
    /// One byte was eaten: the closing quote.
    End,
}

impl Unescape {
    /// Looks at what comes next; `bytes` must not be empty.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Next, NotAscii> {
        let Some(first) = bytes.first() else {
            return Ok(Next::Run(0));
        };
        match *self {
            Self::Plain => match first {
                b'"' => Ok(Next::End),
                b'\\' => {
                    *self = Self::Escape;
                    Ok(Next::Byte(None))
                }
                _ => {
                    let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
                    Ok(Next::Run(
                        bytes.iter().position(ends).unwrap_or(bytes.len()),
                    ))
                }
            },
            Self::Escape => self.letter(*first).map(Next::Byte),
            Self::Code { digits, value } => {
                let digit = char::from(*first).to_digit(16).ok_or(NotAscii)?;
                self.digit(digits + 1, value << 4 | digit as u16)
                    .map(Next::Byte)
            }
        }
    }

    fn letter(&mut self, letter: u8) -> Result<Option<u8>, NotAscii> {
        *self = Self::Plain;
        Ok(Some(match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                *self = Self::Code {
                    digits: 0,
                    value: 0,
                };
                return Ok(None);
            }
            _ => return Err(NotAscii),
        }))
    }

    fn digit(&mut self, digits: u8, value: u16) -> Result<Option<u8>, NotAscii> {
        if digits < 4 {
            *self = Self::Code { digits, value };
            return Ok(None);
        }
        *self = Self::Plain;
        match u8::try_from(value) {
            Ok(byte) if byte.is_ascii() => Ok(Some(byte)),
            _ => Err(NotAscii),
        }
    }
}
