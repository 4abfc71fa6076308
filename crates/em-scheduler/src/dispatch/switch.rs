//! The switch: what keeps every first byte back, whatever run it is of. Plain data.

#[derive(Debug, Default)]
pub(super) struct Switch {
    pub(super) paused: bool,
    /// Changes with each pause.
    pub(super) pauses: u64,
    /// For good.
    pub(super) stopped: bool,
    /// The lease of this process has lapsed and is not renewed: others may have taken its runs.
    pub(super) lapsed: bool,
}

impl Switch {
    /// Whether nothing may leave.
    pub(super) fn is_closed(&self) -> bool {
        self.paused || self.stopped || self.lapsed
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.pauses += 1;
    }

    /// Returns whether it was paused.
    pub(super) fn resume(&mut self) -> bool {
        std::mem::take(&mut self.paused)
    }
}
