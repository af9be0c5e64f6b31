//! Unpacking records of a zip (RFC 1951), each in one piece and within its bound.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::RECORD_BYTES_MAX;

/// How the bytes of a record are packed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packing {
    /// Not at all.
    Plain,
    /// As they are, with a checksum.
    Stored { crc: u32 },
    /// Deflated, with checksum and number of the unpacked bytes.
    Deflated { crc: u32, unpacked_bytes: u64 },
}

/// The state of unpacking, used for one record after the other: making it anew costs more than
/// a record does.
#[derive(Debug)]
pub(super) struct Inflater {
    state: Decompress,
    buffer: Vec<u8>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            state: Decompress::new(false),
            buffer: Vec::new(),
        }
    }

    /// The unpacked bytes, or what is wrong with the packed ones.
    pub(super) fn unpack<'b>(
        &'b mut self,
        packed: &'b [u8],
        packing: Packing,
    ) -> Result<&'b [u8], String> {
        self.buffer.clear();
        match packing {
            Packing::Plain => Ok(packed),
            Packing::Stored { crc } => check(packed, crc),
            Packing::Deflated {
                crc,
                unpacked_bytes,
            } => {
                self.inflate(packed, unpacked_bytes)?;
                check(&self.buffer, crc)
            }
        }
    }

    /// How many bytes the last record came to, also if it was bad.
    pub(super) const fn unpacked_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// In one step, which is the fastest; it needs room for all that there is.
    fn inflate(&mut self, packed: &[u8], unpacked_bytes: u64) -> Result<(), String> {
        let room = usize::try_from(unpacked_bytes).unwrap_or(usize::MAX);
        if room > RECORD_BYTES_MAX {
            return Err(format!("has more than {RECORD_BYTES_MAX} bytes unpacked"));
        }
        self.state.reset(false);
        // One byte more shows that there is more than was claimed.
        self.buffer.resize(room + 1, 0);
        let outcome = self
            .state
            .decompress(packed, &mut self.buffer, FlushDecompress::Finish);
        let written = usize::try_from(self.state.total_out()).unwrap_or(usize::MAX);
        self.buffer.truncate(written);
        match outcome {
            Ok(Status::StreamEnd) if written == room => Ok(()),
            Ok(_) => Err(format!("does not unpack to {room} bytes")),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn check(bytes: &[u8], expected: u32) -> Result<&[u8], String> {
    let mut crc = Crc::new();
    crc.update(bytes);
    match crc.sum() == expected {
        true => Ok(bytes),
        false => Err("does not match its checksum".to_owned()),
    }
}
