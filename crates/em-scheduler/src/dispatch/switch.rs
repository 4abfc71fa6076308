//! The switch: what keeps every first byte back, whatever run it is of. Plain data.

#[derive(Debug, Default)]
pub(super) struct Switch {
    paused: bool,
    pauses: u64,
    stopped: bool,
    /// The lease of this process has lapsed: others may have taken its runs.
    lapsed: bool,
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

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// A number that changes with each pause.
    pub(super) fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Returns whether it was paused.
    pub(super) fn resume(&mut self) -> bool {
        std::mem::take(&mut self.paused)
    }

    /// Resumes unless there was a pause since `pauses` was read. Returns whether it was paused.
    pub(super) fn resume_if(&mut self, pauses: u64) -> bool {
        self.pauses == pauses && self.resume()
    }

    /// For good.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Nothing leaves until the lease is renewed.
    pub(super) fn lapse(&mut self) {
        self.lapsed = true;
    }

    /// Returns whether the lease had lapsed.
    pub(super) fn renew(&mut self) -> bool {
        std::mem::take(&mut self.lapsed)
    }
}
