//! Deadlines that cost nothing while nothing waits: one timer a connection, moved only when it has to be.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one connection.
pub struct Deadline {
    timer: Pin<Box<Sleep>>,
}

/// The time was over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Deadline {
    pub fn new() -> Self {
        Self {
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Runs a future for at most `limit`, and says how long it was waited for: nothing if it was ready at once.
    pub async fn within<F: Future>(
        &mut self,
        limit: Duration,
        future: F,
    ) -> (Result<F::Output, Elapsed>, Duration) {
        let mut future = pin!(future);
        let mut begun = None;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                let waited = begun.map_or(Duration::ZERO, |begun: Instant| begun.elapsed());
                return Poll::Ready((Ok(output), waited));
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            let end = begun + limit;
            // A timer that rings too early is only set again; one that would ring too late has to be moved.
            if self.timer.deadline() > end {
                self.timer.as_mut().reset(end);
            }
            while self.timer.as_mut().poll(context).is_ready() {
                if Instant::now() >= end {
                    return Poll::Ready((Err(Elapsed), limit));
                }
                self.timer.as_mut().reset(end);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_is_not_waited_for_and_what_is_late_is_dropped() {
        let second = Duration::from_secs(1);
        let mut deadline = Deadline::new();
        let at_once = deadline.within(Duration::ZERO, ready(1)).await;
        assert_eq!(at_once, (Ok(1), Duration::ZERO));
        for (limit, takes) in [(60, 5), (10, 5), (10, 11), (60, 30), (10, 9), (5, 6)] {
            let (result, waited) = deadline.within(second * limit, sleep(second * takes)).await;
            let expected = if takes < limit { Ok(()) } else { Err(Elapsed) };
            assert_eq!(result, expected, "{takes}s in {limit}s");
            let shorter = second * takes.min(limit);
            assert!(
                waited >= shorter && waited < shorter + second / 10,
                "{waited:?}"
            );
        }
        let never = deadline.within(second, pending::<()>()).await;
        assert_eq!(never.0, Err(Elapsed));
    }
}
