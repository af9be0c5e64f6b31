//! The addresses that are written to: the upload endpoint, and nothing else.
//!
//! Clients are given any address for uploads and POST to it as it is; these two are ours. Yanking
//! has no address: no client knows one.

use crate::exchange::Method;

use super::super::super::Rejection;

/// What a request wants to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// A file is published: the body is a form for [`UploadReader`](super::UploadReader).
    Upload,
}

/// Reads the path below the repository, `/` or `legacy/`; the slash at its end may be missing.
/// `None`, if this is no write at all, but something for `Protocol::parse`.
pub fn parse_write(
    method: Method,
    segments: &[impl AsRef<str>],
) -> Option<Result<Write, Rejection>> {
    let is_read = matches!(method, Method::Get | Method::Head | Method::Options);
    let mut names = segments.iter().map(AsRef::as_ref);
    let is_upload = matches!((names.next(), names.next()), (None | Some("legacy"), None));
    match (is_upload, method) {
        _ if is_read => None,
        (true, Method::Post) => Some(Ok(Write::Upload)),
        (true, _) => Some(Err(Rejection::Method)),
        (false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uploads_are_writes() {
        let none: [&str; 0] = [];
        let upload = Some(Ok(Write::Upload));
        assert_eq!(parse_write(Method::Post, &none), upload);
        assert_eq!(parse_write(Method::Post, &["legacy"]), upload);
        let refused = Some(Err(Rejection::Method));
        assert_eq!(parse_write(Method::Put, &["legacy"]), refused);
        assert_eq!(parse_write(Method::Delete, &none), refused);
        for (method, path) in [
            (Method::Get, "legacy"),
            (Method::Post, "simple/six"),
            (Method::Post, "legacy/x"),
            (Method::Post, "Legacy"),
            (Method::Head, "legacy"),
        ] {
            let segments: Vec<&str> = path.split('/').collect();
            assert_eq!(parse_write(method, &segments), None, "{path}");
        }
    }
}
