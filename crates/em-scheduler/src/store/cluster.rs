//! The processes on one database: leases and notices (see the module `peers`).

use super::Result;
use crate::model::RunKey;
use async_trait::async_trait;
use triggers::UtcMicros;

/// A process that works, or worked, on this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Random per process.
    pub id: String,
    /// Where it runs (`crate::instance`): enough to prove on the same machine that it is dead.
    pub place: String,
    /// It is dead for certain once the database's clock has passed this.
    pub lease_until: UtcMicros,
    /// The number of the last notice posted to it, and of the last one that it has acknowledged.
    pub notice: i64,
    /// See `notice`.
    pub acknowledged: i64,
}

/// What a process must heed of what others have changed (rule S6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The number of the last notice posted to this process, read before the rest; none where that is acknowledged.
    pub number: Option<i64>,
    /// Whether the scheduler is paused.
    pub paused: bool,
    /// The runs of this process that are not final and whose jobs were removed: they must not begin.
    pub withdrawn: Vec<RunKey>,
}

/// The processes on one database. See [`Store`](super::Store) for the rules that all operations keep.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Registers this process, or renews its lease. Returns whether it was registered: one that was, and is not any more, was
    /// given up for dead, or the tables were made again without it.
    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<bool>;

    /// The other processes registered.
    async fn other_instances(&self) -> Result<Vec<Instance>>;

    /// Posts a notice to each of the other processes registered, which wakes them ([`noticed`](Self::noticed)), and
    /// returns them. To be called after the change was committed that they are to heed.
    async fn post_notice(&self) -> Result<Vec<Instance>>;

    /// Waits until a notice may have been posted to this process. A hint only: it may come late or never, and it may
    /// come for nothing.
    async fn noticed(&self);

    /// The notice that this process has not acknowledged yet; none where there is none and `always` is false.
    async fn notice(&self, always: bool) -> Result<Option<Notice>>;

    /// Writes down that this process acts by all notices up to this number.
    async fn acknowledge(&self, number: i64) -> Result<()>;

    /// Forgets processes that are dead: no notice is posted to them any more.
    async fn forget_instances(&self, ids: Vec<String>) -> Result<()>;
}
