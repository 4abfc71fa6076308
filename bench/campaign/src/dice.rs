//! Chance from a seed: the same seed throws the same faults in the same order. (What they meet is up to the machine.)

use std::time::Duration;

/// SplitMix64: small, and good enough to choose faults.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit` (at least 1).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// True in so many of a thousand cases.
    pub fn per_mille(&mut self, cases: u64) -> bool {
        self.below(1_000) < cases
    }

    /// One of them.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }

    /// A number between 0 and 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A time from `least` on, exponential with this mean above it, `most` at most.
    pub fn exponential(&mut self, least: Duration, mean: Duration, most: Duration) -> Duration {
        let above = mean.mul_f64(-(1.0 - self.share()).max(1e-9).ln());
        (least + above).min(most)
    }

    /// Dice of their own for somebody else, by a number that names them.
    pub fn apart(&self, number: u64) -> Self {
        let mut dice = Self(self.0 ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        dice.next();
        dice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let throw = |mut dice: Dice| [dice.below(100), dice.below(100), dice.below(100)];
        assert_eq!(throw(Dice::new(7)), throw(Dice::new(7)));
        assert_ne!(throw(Dice::new(7)), throw(Dice::new(8)));
        assert_ne!(throw(Dice::new(7).apart(1)), throw(Dice::new(7).apart(2)));
    }

    #[test]
    fn lives_stay_within_their_bounds() {
        let mut dice = Dice::new(1);
        let [least, mean, most] = [50, 120, 400].map(Duration::from_millis);
        let lives: Vec<Duration> = (0..1_000).map(|_| dice.exponential(least, mean, most)).collect();
        assert!(lives.iter().all(|life| (least..=most).contains(life)));
        let short = lives.iter().filter(|life| **life < least + mean).count();
        assert!(
            (550..720).contains(&short),
            "{short} of 1,000 are below the mean, not 632 or so"
        );
    }
}
