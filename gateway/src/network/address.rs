//! Which addresses the gateway may connect to on behalf of others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 address that packets to this IPv6 address end at, or the address itself: mapped and
/// compatible ones (RFC 4291 §2.5.5), those that a NAT64 translates (RFC 6052 §2.1), and 6to4 (RFC
/// 3056 §2).
pub fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let segments = v6.segments();
    let v4 = match segments {
        // Unspecified and loopback are no compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => (high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        [0x2002, high, low, ..] => (high, low),
        _ => return address,
    };
    Ipv4Addr::from_bits(u32::from(v4.0) << 16 | u32::from(v4.1)).into()
}

/// Link-local (where clouds keep their metadata service), multicast and unspecified addresses
/// never; private ones only where the configuration says so.
pub fn may_reach(address: IpAddr, allow_private: bool) -> bool {
    let (never, private) = match embedded(address) {
        IpAddr::V4(v4) => (
            v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() || is_reserved(v4),
            v4.is_private() || v4.is_loopback() || is_local_v4(v4),
        ),
        IpAddr::V6(v6) => (
            v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
            v6.is_loopback() || v6.is_unique_local() || is_local_v6(v6),
        ),
    };
    !never && (allow_private || !private)
}

/// 240.0.0.0/4 with the broadcast address (RFC 1112 §4)
fn is_reserved(v4: Ipv4Addr) -> bool {
    v4.octets()[0] >= 240
}

/// Addresses of the special-purpose registry (RFC 6890) that mean something only inside a network:
/// this network, shared (RFC 6598), IETF protocols, benchmarks (RFC 2544).
fn is_local_v4(v4: Ipv4Addr) -> bool {
    match v4.octets() {
        [0, ..] | [192, 0, 0, _] => true,
        [100, second, ..] => (64..128).contains(&second),
        [198, second, ..] => second & 0xfe == 18,
        _ => false,
    }
}

/// The same for IPv6: site-local (RFC 3879), translation within a network (RFC 8215), and Teredo
/// (RFC 4380), whose addresses end at an IPv4 host.
fn is_local_v6(v6: Ipv6Addr) -> bool {
    match v6.segments() {
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => true,
        [first, ..] => first & 0xffc0 == 0xfec0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_may_be_reached() {
        for (text, public, private) in [
            ("93.184.216.34", true, true),
            ("2606:2800::1", true, true),
            ("127.0.0.1", false, true),
            ("127.9.9.9", false, true),
            ("10.0.0.1", false, true),
            ("172.16.0.1", false, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("100.128.0.1", true, true),
            ("192.0.0.170", false, true),
            ("198.18.0.1", false, true),
            ("198.20.0.1", true, true),
            ("0.1.2.3", false, true),
            ("169.254.169.254", false, false),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("240.0.0.1", false, false),
            ("::", false, false),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:169.254.169.254", false, false),
            ("::ffff:93.184.216.34", true, true),
            ("::127.0.0.1", false, true),
            ("::169.254.169.254", false, false),
            ("::93.184.216.34", true, true),
            ("64:ff9b::7f00:1", false, true),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("64:ff9b::5db8:d822", true, true),
            ("64:ff9b:1::5db8:d822", false, true),
            ("2002:7f00:1::1", false, true),
            ("2002:a9fe:a9fe::1", false, false),
            ("2002:5db8:d822::1", true, true),
            ("2001:0:1::1", false, true),
            ("fc00::1", false, true),
            ("fec0::1", false, true),
            ("fe80::1", false, false),
            ("ff02::1", false, false),
        ] {
            let address = text.parse().expect("an address");
            assert_eq!(may_reach(address, false), public, "{text}");
            assert_eq!(may_reach(address, true), private, "{text}");
        }
    }
}
