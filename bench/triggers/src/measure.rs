//! One crate's numbers.

use crate::mix::{DAY, EXPRESSIONS, FROM, UNTIL, ZONES};
use crate::peers::{Peer, six, wants_seconds};
use crate::stopwatch::nanos;
use std::hint::black_box;

/// What is told of a crate. Times are nanoseconds; none where the crate has no zones.
pub struct Row {
    pub name: &'static str,
    /// Per next fire, for each expression, by zone.
    pub next: [Option<[f64; 10]>; 2],
    /// Per histogram of 24 hours, for each expression, by zone.
    pub histogram: [Option<[f64; 10]>; 2],
    /// Per expression read.
    pub parse: f64,
    /// Per next fire over all that is walked, by zone.
    pub allocations: [Option<f64>; 2],
}

pub fn mean(numbers: &[f64; 10]) -> f64 {
    numbers.iter().sum::<f64>() / 10.0
}

pub fn row(peer: &Peer) -> Row {
    let mut row = Row {
        name: peer.name,
        next: [None; 2],
        histogram: [None; 2],
        parse: 0.0,
        allocations: [None; 2],
    };
    for (place, zone) in ZONES.into_iter().enumerate() {
        let Some(compiled) = EXPRESSIONS
            .iter()
            .map(|line| (peer.compile)(line, zone))
            .collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        let (mut next, mut histogram) = ([0.0; 10], [0.0; 10]);
        let (mut fires, mut allocations) = (0, 0);
        for (number, compiled) in compiled.iter().enumerate() {
            let count = compiled.walk(FROM, UNTIL);
            let counted = allocation_counter::measure(|| {
                black_box(compiled.walk(FROM, UNTIL));
            });
            fires += count;
            allocations += counted.count_total;
            next[number] = nanos(|| compiled.walk(black_box(FROM), black_box(UNTIL))) / count as f64;
            histogram[number] = nanos(|| compiled.histogram(black_box(DAY)));
        }
        row.next[place] = Some(next);
        row.histogram[place] = Some(histogram);
        row.allocations[place] = Some(allocations as f64 / fires as f64);
    }
    let lines: Vec<String> = EXPRESSIONS
        .iter()
        .map(|line| {
            if wants_seconds(peer) {
                six(line)
            } else {
                (*line).to_owned()
            }
        })
        .collect();
    let all = nanos(|| lines.iter().filter(|line| (peer.parse)(black_box(line))).count());
    row.parse = all / lines.len() as f64;
    row
}
