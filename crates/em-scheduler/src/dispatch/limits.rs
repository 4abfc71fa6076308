//! Limits: how many permits keys of one standing may hold together (D10), and one key alone (D7). Pure arithmetic.
//!
//! ```text
//!  0                                              3/4         7/8         all permits
//!  ├──────────── unproven and slow ────────────────┤           │           │
//!  ├──────────── and proven ───────────────────────────────────┤           │
//!  ├──────────── and recent ───────────────────────────────────────────────┤
//! ```

use super::standing::Standing;

/// One number for each standing, by its place.
pub(super) type PerStanding = [usize; Standing::ALL.len()];

/// The limits for so many permits in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct PermitLimits(usize);

impl PermitLimits {
    /// No permits are one permit.
    pub(super) fn new(permits: usize) -> Self {
        Self(permits.max(1))
    }

    /// What keys that stand so, or worse, may hold together.
    fn of(self, standing: Standing) -> usize {
        match standing {
            Standing::Recent => self.0,
            Standing::Proven => self.0 - self.0 / 8,
            Standing::Unproven | Standing::Slow => self.0 - self.0 / 4,
        }
    }

    /// How many more permits keys that stand so may take, with so many held: as many as are left to them, and to all that
    /// stand better.
    pub(super) fn room(self, held: &PerStanding, standing: Standing) -> usize {
        let mut together: usize = held.iter().sum();
        let mut room = self.0;
        for better in &Standing::ALL[..=standing.place()] {
            room = room.min(self.of(*better).saturating_sub(together));
            together -= held[better.place()];
        }
        room
    }

    /// Whether a key that holds so many may take one more where there is room for so many. `alone`: no key waits that is
    /// below its share, a tenth of all.
    pub(super) fn allow(self, own: usize, room: usize, alone: bool) -> bool {
        let tenth = self.0 / 10;
        let within_share = own < tenth.max(1);
        room > 0 && (within_share || (alone && room > tenth))
    }
}
