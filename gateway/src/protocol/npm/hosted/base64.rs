//! Base64 that arrives in pieces (RFC 4648, section 4): padded, canonical, nothing between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Symbols that are decoded at once; a multiple of four.
const BLOCK_SYMBOLS: usize = 32 * 1024;
const BLOCK_BYTES: usize = BLOCK_SYMBOLS / 4 * 3;

/// A text that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotBase64;

/// Why a piece could not be taken.
#[derive(Debug)]
pub(super) enum Stopped {
    NotBase64,
    /// The taker of the bytes failed.
    Taker(std::io::Error),
}

/// Decodes pieces of any length; never holds more than one block.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Symbols that do not make a group of four so far.
    carry: [u8; 4],
    carried: usize,
    /// The padding has come.
    ended: bool,
    block: Vec<u8>,
}

impl Decoder {
    pub fn new() -> Self {
        Self {
            carry: [0; 4],
            carried: 0,
            ended: false,
            block: vec![0; BLOCK_BYTES],
        }
    }

    /// Decodes one more piece, and hands over what it makes whole.
    pub fn push(
        &mut self,
        mut symbols: &[u8],
        take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Stopped> {
        if self.carried > 0 {
            let missing = symbols.len().min(4 - self.carried);
            let (first, rest) = symbols.split_at(missing);
            self.carry[self.carried..self.carried + missing].copy_from_slice(first);
            self.carried += missing;
            symbols = rest;
            if self.carried < 4 {
                return Ok(());
            }
            self.carried = 0;
            let group = self.carry;
            self.decode(&group, take)?;
        }
        let whole = symbols.len() / 4 * 4;
        for block in symbols[..whole].chunks(BLOCK_SYMBOLS) {
            self.decode(block, take)?;
        }
        let rest = &symbols[whole..];
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
        Ok(())
    }

    /// Nothing more comes.
    pub fn finish(self) -> Result<(), NotBase64> {
        match self.carried {
            0 => Ok(()),
            _ => Err(NotBase64),
        }
    }

    /// Decodes whole groups.
    fn decode(
        &mut self,
        symbols: &[u8],
        take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Stopped> {
        if self.ended {
            return Err(Stopped::NotBase64);
        }
        let length = STANDARD
            .decode_slice(symbols, &mut self.block)
            .map_err(|_| Stopped::NotBase64)?;
        self.ended = length < symbols.len() / 4 * 3;
        take(&self.block[..length]).map_err(Stopped::Taker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str, step: usize) -> Option<Vec<u8>> {
        let mut decoder = Decoder::new();
        let mut bytes = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            let mut take = |part: &[u8]| {
                bytes.extend_from_slice(part);
                Ok(())
            };
            decoder.push(piece, &mut take).ok()?;
        }
        decoder.finish().ok()?;
        Some(bytes)
    }

    #[test]
    fn any_cut_gives_the_same_bytes() {
        let long: Vec<u8> = (0..200_000_u32).map(|number| (number * 7) as u8).collect();
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"fooba", &long] {
            let text = STANDARD.encode(bytes);
            for step in [1, 2, 3, 4, 5, 7, 4096, 1 << 20] {
                assert_eq!(decode(&text, step).as_deref(), Some(bytes));
            }
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let table = [
            "Zg",
            "Zg=",
            "Zh==",
            "Zg==Zg==",
            "Zm9v=",
            "Zm9v====",
            "=",
            "Zm 9v",
            "Zm9v\n",
            "Zm9-",
            "Zm9_",
            "Z===",
            "Zm9v\u{e9}12",
        ];
        for text in table {
            for step in [1, 2, 3, 4, 64] {
                assert_eq!(decode(text, step), None, "{text:?} by {step}");
            }
        }
    }
}
