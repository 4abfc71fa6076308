//! What may surprise: first about the texts that were given, then about the clocks of the coming year.

use std::fmt::Display;
use std::io::{self, Write};

use triggers::{Hazard, Note};

/// Writes both lists, each under its own heading, where they are not empty.
pub(super) fn write(out: &mut impl Write, notes: &[Note], hazards: &[Hazard]) -> io::Result<()> {
    let is_of_a_date = |hazard: &&Hazard| {
        matches!(
            hazard,
            Hazard::LocalSkipped { .. } | Hazard::LocalTwice { .. } | Hazard::Past { .. }
        )
    };
    // Nothing more is to be said of a trigger that never fires than that it has no times.
    let is_plain = |hazard: &&Hazard| matches!(hazard, Hazard::NeverFires | Hazard::NeverFiresAgain);
    let never = hazards.iter().any(|hazard| is_plain(&hazard));
    let of_dates = hazards.iter().filter(is_of_a_date);
    let of_texts = notes.iter().map(|note| note as &dyn Display);
    list(
        out,
        "Note:",
        of_texts.chain(of_dates.map(|hazard| hazard as &dyn Display)),
    )?;
    let of_the_year = hazards
        .iter()
        .filter(|hazard| !never && !is_of_a_date(hazard))
        .map(|hazard| hazard as &dyn Display);
    list(out, "Note, within a year of that:", of_the_year)
}

fn list<'a>(
    out: &mut impl Write,
    heading: &str,
    lines: impl Iterator<Item = &'a dyn Display>,
) -> io::Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(out, "\n{heading}")?;
    }
    for line in lines {
        writeln!(out, "- {line}")?;
    }
    Ok(())
}
