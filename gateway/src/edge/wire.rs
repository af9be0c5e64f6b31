//! What a connection runs over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A stream of bytes to and from a client.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket, where bytes go out as they are: the kernel may then copy files into it.
    fn socket(&self) -> Option<&TcpStream>;
}

impl Wire for TcpStream {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl Wire for TlsStream<TcpStream> {
    /// None: what goes out is sealed first.
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

impl Wire for TlsStream<Rewound> {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

/// A socket of which something was read already: whoever comes next reads that first.
pub struct Rewound {
    read: BytesMut,
    socket: TcpStream,
}

impl Rewound {
    pub fn new(read: BytesMut, socket: TcpStream) -> Self {
        Self { read, socket }
    }
}

impl Wire for Rewound {
    fn socket(&self) -> Option<&TcpStream> {
        Some(&self.socket)
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let it = self.get_mut();
        if it.read.is_empty() {
            return Pin::new(&mut it.socket).poll_read(context, into);
        }
        let length = it.read.len().min(into.remaining());
        into.put_slice(&it.read[..length]);
        it.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

#[cfg(test)]
impl Wire for tokio::io::DuplexStream {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}
