//! The slots for connections. There are only so many, and who holds one without asking for anything must not keep out
//! who does: half-open connections by the thousand are one short script.
//!
//! ```text
//!  take ─▶ waiting ──request carried out──▶ at work ──answer made──▶ waiting ─▶ …
//!             │  ▲ a request's head has come, or a part of a long answer is taken: waiting anew
//!             └── longest of all, and somebody needs a slot; or beyond the idle limit ─▶ lost
//! ```
//! A request whose body is still to come is not yet at work: it is as easily made as half a head.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::limits::Limits;

/// The slots of one listener.
pub(super) struct ConnectionSlots {
    limits: Limits,
    free: Arc<Semaphore>,
    queue: Mutex<Queue>,
    /// One more connection waits for a request.
    one_more_waits: Notify,
}

/// Who waits for a request, by turn: the lowest has waited longest.
#[derive(Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, watch::Sender<Phase>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting(u64),
    AtWork,
    Lost,
}

/// A slot, held by one connection.
pub(in crate::http) struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    phase: watch::Sender<Phase>,
    /// Given back when the slot is dropped.
    _permit: Option<OwnedSemaphorePermit>,
}

/// A request is being carried out on the slot, until this is dropped.
pub(in crate::http) struct Serving(Arc<ConnectionSlot>);

impl ConnectionSlots {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            free: Arc::new(Semaphore::new(limits.connections as usize)),
            queue: Mutex::default(),
            one_more_waits: Notify::new(),
        }
    }

    /// A slot. Where none is free, the connection that has waited longest for a request loses its own; where none waits, the first that
    /// does.
    pub(super) async fn take(slots: &Arc<Self>) -> ConnectionSlot {
        let slot = ConnectionSlot {
            slots: Arc::clone(slots),
            phase: watch::Sender::new(Phase::AtWork),
            _permit: slots.permit().await,
        };
        slot.wait();
        slot
    }

    /// None only where the semaphore is closed, which never happens.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let mut free = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        loop {
            if self.free.available_permits() == 0 && self.longest_goes() {
                return free.await.ok();
            }
            tokio::select! {
                permit = &mut free => return permit.ok(),
                () = self.one_more_waits.notified() => {}
            }
        }
    }

    /// Takes the slot of the connection that has waited longest for a request; false where none waits.
    fn longest_goes(&self) -> bool {
        let longest = self.queue().waiting.pop_first();
        longest.is_some_and(|(_, longest)| {
            longest.send_replace(Phase::Lost);
            true
        })
    }

    /// Waits until nobody holds a slot any more.
    pub(super) async fn all_free(&self) {
        // As above: nobody closes it.
        let _ = self.free.acquire_many(self.limits.connections).await;
    }

    pub(super) fn taken(&self) -> usize {
        self.limits.connections as usize - self.free.available_permits()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionSlot {
    pub(super) fn limits(&self) -> Limits {
        self.slots.limits
    }

    /// A request is carried out from now on; none where the slot is lost, so that no answer could be sent.
    pub(in crate::http) fn begin(slot: &Arc<Self>) -> Option<Serving> {
        // Whoever takes a slot away holds the queue as well.
        let mut queue = slot.slots.queue();
        let phase = *slot.phase.borrow();
        match phase {
            Phase::Waiting(turn) => drop(queue.waiting.remove(&turn)?),
            Phase::AtWork => {}
            Phase::Lost => return None,
        }
        slot.phase.send_replace(Phase::AtWork);
        Some(Serving(Arc::clone(slot)))
    }

    fn wait(&self) {
        let mut queue = self.slots.queue();
        let turn = queue.next;
        queue.next += 1;
        queue.waiting.insert(turn, self.phase.clone());
        self.phase.send_replace(Phase::Waiting(turn));
        drop(queue);
        self.slots.one_more_waits.notify_one();
    }

    /// A request has come, or a part of an answer was taken: the connection has not been idle.
    pub(super) fn taken_on(&self) {
        let mut queue = self.slots.queue();
        let phase = *self.phase.borrow();
        if let Phase::Waiting(turn) = phase
            && queue.waiting.remove(&turn).is_some()
        {
            drop(queue);
            self.wait();
        }
    }

    /// Waits until the slot is lost: taken away, or without a request for so long.
    pub(super) async fn lost(&self, idle: Duration) {
        let mut phase = self.phase.subscribe();
        loop {
            let now = *phase.borrow_and_update();
            let changed = phase.changed();
            match now {
                Phase::Lost => return,
                Phase::AtWork => drop(changed.await),
                Phase::Waiting(_) => {
                    if tokio::time::timeout(idle, changed).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        if let Phase::Waiting(turn) = *self.phase.borrow() {
            self.slots.queue().waiting.remove(&turn);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(connections: u32) -> Arc<ConnectionSlots> {
        Arc::new(ConnectionSlots::new(Limits {
            connections,
            ..Limits::default()
        }))
    }

    #[tokio::test]
    async fn who_has_waited_longest_goes_and_who_works_stays() {
        let slots = slots(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(Arc::new(ConnectionSlots::take(&slots).await));
        }
        let work = ConnectionSlot::begin(&held[0]).unwrap();
        // The second one asked for something in between: now the third has waited longest.
        drop(ConnectionSlot::begin(&held[1]).unwrap());
        let (third, more) = (held.pop().unwrap(), Arc::clone(&slots));
        let next = tokio::spawn(async move { ConnectionSlots::take(&more).await });
        third.lost(Duration::from_secs(600)).await;
        assert!(
            ConnectionSlot::begin(&third).is_none(),
            "a lost slot takes no request"
        );
        drop(third);
        next.await.unwrap();
        drop(work);
        drop(held);
        assert_eq!(slots.taken(), 0);
        assert!(slots.queue().waiting.is_empty());
    }

    #[tokio::test]
    async fn who_reads_on_has_not_been_idle() {
        let slots = slots(2);
        let (reader, idle) = (
            ConnectionSlots::take(&slots).await,
            ConnectionSlots::take(&slots).await,
        );
        reader.taken_on();
        let more = Arc::clone(&slots);
        let next = tokio::spawn(async move { ConnectionSlots::take(&more).await });
        idle.lost(Duration::from_secs(600)).await;
        idle.taken_on();
        assert!(
            ConnectionSlot::begin(&Arc::new(idle)).is_none(),
            "a lost slot stays lost"
        );
        next.await.unwrap();
        assert!(ConnectionSlot::begin(&Arc::new(reader)).is_some());
    }

    #[tokio::test]
    async fn where_all_are_at_work_the_first_who_waits_goes() {
        let slots = slots(2);
        let held = [
            Arc::new(ConnectionSlots::take(&slots).await),
            Arc::new(ConnectionSlots::take(&slots).await),
        ];
        let work = held.each_ref().map(|slot| ConnectionSlot::begin(slot).unwrap());
        let more = Arc::clone(&slots);
        let next = tokio::spawn(async move { ConnectionSlots::take(&more).await });
        tokio::task::yield_now().await;
        let [first, second] = work;
        drop(second);
        held[1].lost(Duration::from_secs(600)).await;
        drop(held);
        next.await.unwrap();
        drop(first);
    }

    #[tokio::test]
    async fn who_is_idle_for_too_long_goes() {
        let slot = Arc::new(ConnectionSlots::take(&slots(1)).await);
        let work = ConnectionSlot::begin(&slot).unwrap();
        let mut lost = std::pin::pin!(slot.lost(Duration::ZERO));
        assert!(tokio::select! { biased; () = &mut lost => false, () = std::future::ready(()) => true });
        drop(work);
        lost.await;
    }
}
