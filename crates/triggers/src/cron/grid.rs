//! The calendar of a cron trigger laid over a zone. What fires when is in `search` and `count`.

use super::pattern::Pattern;
use crate::zone::Zone;

/// The fire times of a cron trigger. Its bounds are laid over them by `Cron`; in here they only tell what else
/// fires behind a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) pattern: Pattern,
    pub(super) zone: Zone,
    /// The policy is `once`.
    pub(super) once: bool,
    pub(super) every_hour: bool,
    /// The first and the last second within the bounds.
    pub(super) first: i64,
    pub(super) last: i64,
}
