//! What a set of values looks like to a reader: all of them, one, a range, steps, or a list.
//!
//! `words` and the printing of fields share this, so that `*/15` and `0,15,30,45` read the same.

use super::sets::{Bits, run};

/// A reading of a set that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    All,
    One(u32),
    /// Every value from the first to the last, at least three.
    Range(u32, u32),
    /// At least three values at one distance, from the first to the last.
    Steps {
        first: u32,
        last: u32,
        step: u32,
    },
    /// Anything else: the members.
    List(Bits),
}

/// Reads a set of a field with those bounds.
pub(super) fn shape(bits: Bits, bounds: (u16, u16)) -> Shape {
    if bits == run(u32::from(bounds.0), u32::from(bounds.1)) {
        return Shape::All;
    }
    let (first, last) = (bits.trailing_zeros(), 63 - bits.leading_zeros());
    if first == last {
        return Shape::One(first);
    }
    let step = (bits & (bits - 1)).trailing_zeros() - first;
    let steps = (first..=last)
        .step_by(step as usize)
        .fold(0, |steps, value| steps | 1 << value);
    match steps == bits && bits.count_ones() > 2 {
        true if step == 1 => Shape::Range(first, last),
        true => Shape::Steps { first, last, step },
        false => Shape::List(bits),
    }
}

/// The members of a set in their order.
pub(super) fn members(bits: Bits) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(bits), |rest| Some(rest & rest.wrapping_sub(1)))
        .take_while(|rest| *rest != 0)
        .map(Bits::trailing_zeros)
}
