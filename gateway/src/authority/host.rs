//! Host names that a certificate may be made for. Addresses and wildcards are none.

use std::net::IpAddr;

use super::AuthorityError;

const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Reads a host name (RFC 1123 §2.1) and puts it in lower case.
pub(super) fn read(host: &str) -> Result<String, AuthorityError> {
    let refuse = |problem| {
        Err(AuthorityError::Host {
            host: host.escape_debug().take(NAME_BYTES_MAX).collect(),
            problem,
        })
    };
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if numeric || host.parse::<IpAddr>().is_ok() {
        return refuse("it is an address; name the host");
    }
    if host.contains('*') {
        return refuse("wildcards are not signed for; name each host");
    }
    if host.len() > NAME_BYTES_MAX || !host.split('.').all(is_label) {
        return refuse(
            "it is no host name; write it in ASCII (punycode), without scheme, port or dot at the end",
        );
    }
    if !host.contains('.') {
        return refuse("an authority for one label would be good for a whole top-level domain");
    }
    Ok(host)
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_host_names_are_read() {
        assert_eq!(read("Files.Registry.TEST").unwrap(), "files.registry.test");
        assert_eq!(read("xn--bcher-kva.test").unwrap(), "xn--bcher-kva.test");
        let label = "a".repeat(64);
        for host in [
            "",
            ".",
            "test",
            "*.test",
            "a.*.test",
            "a..test",
            ".a.test",
            "a.test.",
            "-a.test",
            "a-.test",
            "127.0.0.1",
            "0x7f.1",
            "::1",
            "[::1]",
            "a.test:443",
            "https://a.test",
            "a_b.test",
            "b\u{fc}.test",
            "a.test\0",
            "a.test\n",
            " a.test",
            &format!("{label}.test"),
            &"a.".repeat(200),
        ] {
            assert!(read(host).is_err(), "{host:?}");
        }
    }
}
