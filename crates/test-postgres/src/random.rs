//! Names and ports that parallel test processes do not both pick.

use std::hash::{BuildHasher, RandomState};

/// Sixty-four bits from the keys that the standard library draws for its hash maps, which come from the system.
pub(crate) fn number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        let numbers: std::collections::HashSet<_> = (0..1000).map(|_| number()).collect();
        assert_eq!(numbers.len(), 1000);
    }
}
