//! A DNS host name, as a TLS server name (RFC 6066 §3) or the host of a request line (RFC 3986
//! §3.2.2) holds it.
//!
//! It is the single reading of foreign names in network mode: whoever compares a server name with a
//! host compares two results of [`parse`]. It does not resolve, and it does not know addresses:
//! those are refused here.

/// What DNS allows (RFC 1035 §2.3.4), without the root's dot.
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// The name in small letters. Letters, digits, hyphens inside labels, and underscores, which RFC
/// 1123 hosts do not have but real ones do.
pub fn parse(name: &[u8]) -> Result<String, &'static str> {
    if name.is_empty() {
        return Err("empty host name");
    }
    if name.len() > NAME_BYTES {
        return Err("host name is longer than DNS allows");
    }
    if name.ends_with(b".") {
        return Err("host name ends in a dot");
    }
    let mut last = &b""[..];
    for label in name.split(|byte| *byte == b'.') {
        check_label(label)?;
        last = label;
    }
    if is_number(last) {
        return Err("host name ends in a number, as addresses do");
    }
    Ok(String::from_utf8_lossy(name).to_ascii_lowercase())
}

fn check_label(label: &[u8]) -> Result<(), &'static str> {
    if label.is_empty() || label.len() > LABEL_BYTES {
        return Err("host name has an empty or overlong label");
    }
    if label.starts_with(b"-") || label.ends_with(b"-") {
        return Err("host name has a label that begins or ends in a hyphen");
    }
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    if !label.iter().all(legal) {
        return Err("host name holds a character that no host name has");
    }
    Ok(())
}

/// Whether resolvers may take a name with this last label for an IPv4 address: `inet_aton` reads
/// one to four numbers, each decimal, octal or hexadecimal, so `0x7f.1` and `2130706433` are
/// loopback to it.
fn is_number(label: &[u8]) -> bool {
    let hexadecimal = label
        .strip_prefix(b"0x")
        .or_else(|| label.strip_prefix(b"0X"))
        .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    hexadecimal || label.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_to_small_letters() {
        for (name, expected) in [
            ("upstream.test", "upstream.test"),
            ("UPstream.TEST", "upstream.test"),
            ("localhost", "localhost"),
            ("a_b.xn--bcher-kva.test", "a_b.xn--bcher-kva.test"),
            ("1.2.3.4.test", "1.2.3.4.test"),
            ("3com.0x", ""),
            ("a.3com", "a.3com"),
            ("0x7g", "0x7g"),
            ("_", "_"),
        ] {
            let found = parse(name.as_bytes()).unwrap_or_default();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long_label = format!("{}.test", "a".repeat(64));
        let long_name = format!("{}test", "a123456.".repeat(32));
        for name in [
            "",
            ".",
            "upstream.test.",
            ".upstream.test",
            "upstream..test",
            "-a.test",
            "a-.test",
            "a.test-",
            "a b.test",
            "a/b",
            "a%2eb",
            "a:b",
            "a\0b",
            "*.test",
            "[::1]",
            "::1",
            "127.0.0.1",
            "127.0.0.1.",
            "0177.0.0.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0X7F000001",
            "127.0.0.0x1",
            "0x",
            "1",
            "b\u{fc}cher.test",
            &long_label,
            &long_name,
        ] {
            assert!(parse(name.as_bytes()).is_err(), "{name:?} was accepted");
        }
    }
}
