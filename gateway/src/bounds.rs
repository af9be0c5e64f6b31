//! How bounds are held that no single request sees: a budget of memory shared by all, and the least pace of a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes that may be in memory at once for one purpose. Nobody waits for it: who finds it spent is refused, since
/// waiting holders of parts could wait for each other.
#[derive(Debug)]
pub struct Budget {
    free: AtomicU64,
}

impl Budget {
    pub fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            free: AtomicU64::new(bytes),
        })
    }

    /// A reservation of nothing yet.
    pub fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            held: 0,
        }
    }
}

/// Bytes taken out of a budget until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    held: u64,
}

impl Reservation {
    /// Takes more; false, and nothing is taken, if so much is not free.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let taken = self
            .budget
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
                free.checked_sub(bytes)
            });
        if taken.is_ok() {
            self.held += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.held, Ordering::AcqRel);
    }
}

/// How fast a body moves, counting only the time that the other side made us wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    least: u64,
    waited: Duration,
    moved: u64,
}

/// A body may be slow for this long: a short one is judged by the silence limits alone.
const PATIENCE: Duration = Duration::from_secs(30);

impl Pace {
    /// `least` is in bytes a second.
    pub fn new(least: u64) -> Self {
        Self {
            least,
            waited: Duration::ZERO,
            moved: 0,
        }
    }

    /// Notes what moved in how much waiting; false if the body is slower than it may be.
    pub fn keep(&mut self, moved: u64, waited: Duration) -> bool {
        self.moved += moved;
        self.waited += waited;
        self.waited <= PATIENCE || self.moved / self.waited.as_secs().max(1) >= self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_given_back() {
        let budget = Budget::new(100);
        let mut first = budget.reservation();
        assert!(first.grow(60) && first.grow(40));
        let mut second = budget.reservation();
        assert!(!second.grow(1));
        drop(first);
        assert!(second.grow(100));
    }

    #[test]
    fn a_drip_is_too_slow_and_a_short_wait_is_not() {
        let second = Duration::from_secs(1);
        let mut drip = Pace::new(1024);
        let kept = (0..60).take_while(|_| drip.keep(100, second)).count();
        assert_eq!(kept, 30);
        let mut steady = Pace::new(1024);
        assert!((0..60).all(|_| steady.keep(1024, second)));
    }
}
