//! The `Date` of replies (RFC 9110 §6.6.1), written anew when the second changes.

use std::cell::RefCell;
use std::time::SystemTime;

use http::HeaderValue;

/// The date of now.
pub fn date() -> HeaderValue {
    thread_local! {
        static WRITTEN: RefCell<(u64, HeaderValue)> =
            const { RefCell::new((0, HeaderValue::from_static(""))) };
    }
    let now = SystemTime::now();
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let second = since.map_or(0, |since| since.as_secs());
    WRITTEN.with_borrow_mut(|(written, value)| {
        if *written != second || value.is_empty() {
            let text = httpdate::fmt_http_date(now);
            *written = second;
            *value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        }
        value.clone()
    })
}
