//! Where a connection was going before the network brought it here.

use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

/// The address that the client connected to; `None` if that was this listener itself.
///
/// With REDIRECT (netfilter's NAT) the kernel remembers it for the socket. With TPROXY the socket bears it as its own,
/// and only the port tells it from `listens`, where the gateway itself is.
pub fn destination(
    socket: &TcpStream,
    is_transparent: bool,
    listens: Option<SocketAddr>,
) -> Option<SocketAddr> {
    let own = canonical(socket.local_addr().ok()?);
    if is_transparent {
        return Some(own).filter(|own| listens.is_none_or(|it| it.port() != own.port()));
    }
    let socket = SockRef::from(socket);
    let original = if own.is_ipv4() {
        socket.original_dst_v4()
    } else {
        socket.original_dst_v6()
    };
    let original = canonical(original.ok()?.as_socket()?);
    (original != own).then_some(original)
}

/// A socket of both families shows IPv4 addresses inside IPv6 ones.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Lets a socket take connections to addresses that this machine does not have (IP_TRANSPARENT).
pub fn make_transparent(socket: &TcpSocket, address: SocketAddr) -> std::io::Result<()> {
    let socket = SockRef::from(socket);
    match address {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true),
        // Linux takes the option of IPv4 for both.
        SocketAddr::V6(_) => socket.set_ip_transparent_v4(true),
    }
}
