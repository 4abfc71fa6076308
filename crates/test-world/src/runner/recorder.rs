//! Notes of each request everything it says, answers by a rule, and lets tests wait for the n-th request instead of sleeping.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Semaphore, watch};

use super::{Answered, ArrivalTimes, Notes, Reply, Runner};
use crate::request::Request;

/// Only a fault takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request as it came; times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// When its first byte arrived; by the kernel where the connection knows, some ten microseconds after it had left.
    pub left: i64,
    /// When it was read whole.
    pub at: i64,
    /// Its path.
    pub path: String,
    /// The number at the end of its path; 0 where there is none.
    pub task: i32,
    /// `Idempotency-Key`.
    pub key: String,
    /// `X-Job-Id`.
    pub job_id: String,
    /// `X-Scheduled-For`; 0 where it has none.
    pub scheduled_for: i64,
    /// `X-Attempt`; 0 where it has none.
    pub attempt: u32,
    /// What was meant to be answered.
    pub answered: Answered,
}

type Rule = dyn Fn(&Request<'_>) -> Reply + Send;

/// See the module.
pub struct Recorder {
    receipts: Mutex<Vec<Receipt>>,
    count: watch::Sender<usize>,
    rule: Mutex<Box<Rule>>,
    released: Semaphore,
    poured: AtomicUsize,
    /// Requests being served, and the most there ever were.
    serving: AtomicUsize,
    most: AtomicUsize,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::with(|_| Reply::TAKEN)
    }
}

impl Recorder {
    /// Returns by a rule.
    pub fn with(rule: impl Fn(&Request<'_>) -> Reply + Send + 'static) -> Self {
        Self {
            receipts: Mutex::default(),
            count: watch::Sender::default(),
            rule: Mutex::new(Box::new(rule)),
            released: Semaphore::new(0),
            poured: AtomicUsize::new(0),
            serving: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// Returns so from now on.
    pub fn answer(&self, reply: Reply) {
        self.answer_by(move |_| reply.clone());
    }

    /// Returns by this rule from now on. What waits goes on waiting.
    pub fn answer_by(&self, rule: impl Fn(&Request<'_>) -> Reply + Send + 'static) {
        *locked(&self.rule) = Box::new(rule);
    }

    /// Lets so many requests be answered that wait, or will.
    pub fn release(&self, requests: usize) {
        self.released.add_permits(requests);
    }

    /// What it noted so far.
    pub fn receipts(&self) -> Vec<Receipt> {
        locked(&self.receipts).clone()
    }

    /// How many requests it noted so far.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// The most requests it ever served at a time, but for those that it answered at once.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Bytes that were taken of bodies without end.
    pub fn bytes_poured(&self) -> usize {
        self.poured.load(Ordering::Relaxed)
    }

    /// Waits until so many requests have come in all; returns them.
    pub async fn received(&self, count: usize) -> Vec<Receipt> {
        let mut seen = self.count.subscribe();
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(|have| *have >= count)).await;
        assert!(
            waited.is_ok(),
            "{count} requests were to come, {} did",
            self.count()
        );
        self.receipts()
    }
}

/// For callers that are not async.
impl Recorder {
    /// As [`Recorder::received`].
    pub fn wait_for(&self, count: usize) -> Vec<Receipt> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().expect("a runtime");
        runtime.block_on(self.received(count))
    }
}

impl Notes for Recorder {
    fn note(&self, request: &Request<'_>, came: ArrivalTimes) -> Reply {
        // Asked before anybody can know of the request, so that a test may change it for the next one.
        let reply = locked(&self.rule)(request);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        locked(&self.receipts).push(Receipt {
            left: came.first,
            at: came.whole,
            path: request.path.to_owned(),
            task: i32::try_from(request.task).unwrap_or(0),
            key: text(request.key),
            job_id: text(request.job),
            scheduled_for: request.scheduled_for,
            attempt: request.attempt,
            answered: reply.answered(),
        });
        self.count.send_modify(|count| *count += 1);
        reply
    }

    async fn released(&self) {
        if let Ok(permit) = self.released.acquire().await {
            permit.forget();
        }
    }

    fn serving(&self, begins: bool) {
        if begins {
            let serving = self.serving.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(serving, Ordering::Relaxed);
        } else {
            self.serving.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn poured(&self, bytes: usize) {
        self.poured.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Runner<Recorder> {
    /// Starts one that takes every run.
    pub fn recording() -> Self {
        Self::start(Recorder::default()).expect("a runner")
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
