//! A connection: the wire, what was read beyond the present request, the buffer for heads, the timer.

use bytes::BytesMut;

use super::deadline::Deadline;

/// How much is read at once while a head or a short body arrives.
pub const INBOX_BYTES: usize = 4096;

/// One connection. `reader` takes requests off it, `writer` puts replies on it.
pub struct Connection<W> {
    pub(super) wire: W,
    pub(super) inbox: BytesMut,
    pub(super) outbox: Vec<u8>,
    pub(super) deadline: Deadline,
}

impl<W> Connection<W> {
    pub fn new(wire: W) -> Self {
        Self {
            wire,
            inbox: BytesMut::with_capacity(INBOX_BYTES),
            outbox: Vec::new(),
            deadline: Deadline::new(),
        }
    }
}
