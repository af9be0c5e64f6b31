//! Moments as the database keeps them: milliseconds since 1970-01-01T00:00:00Z.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is before 1970 becomes its beginning.
pub(super) fn to_milliseconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A number that is no moment becomes the beginning of 1970.
pub(super) fn from_milliseconds(milliseconds: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_back_and_foreign_ones_do_no_harm() {
        let moment = UNIX_EPOCH + Duration::from_millis(1_795_000_000_123);
        assert_eq!(from_milliseconds(to_milliseconds(moment)), moment);
        assert_eq!(to_milliseconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(from_milliseconds(-1), UNIX_EPOCH);
        let _ = from_milliseconds(i64::MAX);
    }
}
