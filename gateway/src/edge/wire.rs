//! What a connection runs over.

use tokio::io::{AsyncRead, AsyncWrite};
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

#[cfg(test)]
impl Wire for tokio::io::DuplexStream {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}
