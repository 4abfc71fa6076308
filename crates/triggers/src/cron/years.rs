//! The years of a cron trigger: all of them, or a set of bits, one for each year.
//!
//! A list of years may be long, and each question about a day asks for its year, so the answer must not grow with the
//! text. The items are kept only for the words. `sets` has the smaller fields, `days` asks.

use super::expression::items;
use super::field::Field;
use super::sets::{Bits, Span, span};
use crate::error::TriggerError;

const FIRST: u16 = Field::Year.bounds().0;
const LAST: u16 = Field::Year.bounds().1;
/// Bits in a word.
const WORD: usize = Bits::BITS as usize;
const WORDS: usize = (LAST - FIRST) as usize / WORD + 1;
/// The bits of the last word that stand for years.
const LAST_BITS: Bits = Bits::MAX >> (WORD - 1 - (LAST - FIRST) as usize % WORD);

/// A set of years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Years {
    /// 1970 to 9999.
    All,
    /// Some of them.
    Of(Listed),
}

/// Some years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Which word `words` begins with, if all had been kept.
    base: usize,
    /// Bit i of word w is the year 1970 + 64 (base + w) + i; the first and the last word are not 0.
    words: Box<[Bits]>,
    /// As written, without those that add nothing to the ones before.
    items: Box<[Span]>,
}

impl Years {
    pub(crate) fn read(text: &str) -> Result<Self, TriggerError> {
        if text == "*" {
            return Ok(Self::All);
        }
        let mut words = [0; WORDS];
        let commas = text.bytes().filter(|byte| *byte == b',').count();
        // A huge list mostly repeats itself.
        let mut kept = Vec::with_capacity((commas + 1).min(64));
        for item in items(Field::Year, text) {
            if let Some(span) = span(Field::Year, item?)
                && add(&mut words, span)
            {
                kept.push(span);
            }
        }
        let all = words[..WORDS - 1].iter().all(|word| *word == Bits::MAX) && words[WORDS - 1] == LAST_BITS;
        if all {
            return Ok(Self::All);
        }
        let base = words.iter().position(|word| *word != 0).unwrap_or(0);
        let end = words
            .iter()
            .rposition(|word| *word != 0)
            .map_or(base, |last| last + 1);
        Ok(Self::Of(Listed {
            base,
            words: words[base..end].into(),
            items: kept.into(),
        }))
    }

    /// Whether a year is in the set.
    #[inline]
    pub(crate) fn has(&self, year: u16) -> bool {
        match self {
            Self::All => (FIRST..=LAST).contains(&year),
            Self::Of(listed) => listed.has(year),
        }
    }

    /// The first year of the set at or after `year`.
    pub(crate) fn next(&self, year: u16) -> Option<u16> {
        match self {
            Self::All => Some(year.max(FIRST)).filter(|year| *year <= LAST),
            Self::Of(listed) => listed.next(year),
        }
    }

    /// The last year of the set at or before `year`.
    pub(crate) fn previous(&self, year: u16) -> Option<u16> {
        match self {
            Self::All => Some(year.min(LAST)).filter(|year| *year >= FIRST),
            Self::Of(listed) => listed.previous(year),
        }
    }
}

impl Listed {
    /// What was written.
    pub(crate) fn items(&self) -> &[Span] {
        &self.items
    }

    /// The word of a year and its bit in there; the word may lie outside of those that are kept.
    #[inline]
    fn place(&self, year: u16) -> Option<(usize, usize)> {
        let bit = usize::from(year.checked_sub(FIRST)?);
        Some(((bit / WORD).checked_sub(self.base)?, bit % WORD))
    }

    fn year(&self, word: usize, bit: u32) -> u16 {
        FIRST + ((self.base + word) * WORD) as u16 + bit as u16
    }

    #[inline]
    fn has(&self, year: u16) -> bool {
        self.place(year)
            .and_then(|(word, bit)| Some(self.words.get(word)? >> bit & 1 == 1))
            .unwrap_or(false)
    }

    fn next(&self, year: u16) -> Option<u16> {
        let (first, bit) = self.place(year).unwrap_or((0, 0));
        let rest = self.words.get(first)? & Bits::MAX << bit;
        if rest != 0 {
            return Some(self.year(first, rest.trailing_zeros()));
        }
        let later = first + 1;
        let found = self.words[later..].iter().position(|word| *word != 0)? + later;
        Some(self.year(found, self.words[found].trailing_zeros()))
    }

    fn previous(&self, year: u16) -> Option<u16> {
        let (last, bit) = self.place(year)?;
        let rest = self
            .words
            .get(last)
            .map_or(0, |word| word & Bits::MAX >> (WORD - 1 - bit));
        if rest != 0 {
            return Some(self.year(last, rest.ilog2()));
        }
        let earlier = &self.words[..last.min(self.words.len())];
        let found = earlier.iter().rposition(|word| *word != 0)?;
        Some(self.year(found, earlier[found].ilog2()))
    }
}

/// Adds the years of a span; says whether any of them is new. Its work is bounded by the words, not by the years.
fn add(words: &mut [Bits; WORDS], span: Span) -> bool {
    let (first, last) = (usize::from(span.first - FIRST), usize::from(span.last - FIRST));
    let step = usize::from(span.step);
    let mut new = 0;
    let mut set = |word: usize, bits: Bits| {
        new |= bits & !words[word];
        words[word] |= bits;
    };
    if step >= WORD || first / WORD == last / WORD {
        for bit in (first..=last).step_by(step) {
            set(bit / WORD, 1 << (bit % WORD));
        }
        return new != 0;
    }
    // The same comb in each word, moved by what the word before left over.
    let comb = (0..WORD).step_by(step).fold(0, |comb: Bits, bit| comb | 1 << bit);
    let (mut phase, beyond) = (first % WORD % step, WORD % step);
    let (first_word, last_word) = (first / WORD, last / WORD);
    for word in first_word..=last_word {
        let mut bits = comb << phase;
        if word == first_word {
            bits &= Bits::MAX << (first % WORD);
        }
        if word == last_word {
            bits &= Bits::MAX >> (WORD - 1 - last % WORD);
        }
        set(word, bits);
        phase = if phase < beyond { phase + step } else { phase } - beyond;
    }
    new != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every year is asked about, and some that are outside, against a plain set.
    fn check(text: &str, meant: &BTreeSet<u16>) {
        let years = Years::read(text).unwrap();
        for year in (1960..=10_050).chain([u16::MAX]) {
            assert_eq!(years.has(year), meant.contains(&year), "{text}: {year}");
            assert_eq!(
                years.next(year),
                meant.range(year..).next().copied(),
                "{text}: {year}"
            );
            assert_eq!(
                years.previous(year),
                meant.range(..=year).next_back().copied(),
                "{text}: {year}"
            );
        }
    }

    #[test]
    fn spans_of_every_step_are_what_they_say() {
        for step in (1_u16..=9).chain([31, 32, 33, 62, 63, 64, 65, 100, 128, 400, 3999]) {
            for (first, last) in [
                (1970, 9999),
                (1971, 9998),
                (2033, 8033),
                (2034, 6033),
                (5000, 9135),
            ] {
                let meant = (first..=last).step_by(usize::from(step)).collect();
                check(&format!("{first}-{last}/{step}"), &meant);
            }
        }
    }

    #[test]
    fn short_spans_and_lists_are_what_they_say() {
        for (first, last) in [
            (1970, 1970),
            (2033, 2034),
            (2030, 2040),
            (9999, 9999),
            (9990, 9999),
            (1970, 2033),
        ] {
            check(&format!("{first}-{last}"), &(first..=last).collect());
        }
        check("9999,1970,2033,2034", &[1970, 2033, 2034, 9999].into());
        let mixed = (2000..=9999)
            .step_by(3)
            .chain((1970..=9999).step_by(4))
            .chain([2001, 2001]);
        check("2001,2000/3,*/4,2001", &mixed.collect());
    }

    #[test]
    fn all_years_in_other_words_are_all() {
        for text in ["*", "1970-9999", "*/1", "1970-5000,4000-9999", "*/2,1971/2"] {
            assert_eq!(Years::read(text).unwrap(), Years::All, "{text}");
        }
        for text in ["1971-9999", "1970-9998", "1970-5000,5002-9999"] {
            assert_ne!(Years::read(text).unwrap(), Years::All, "{text}");
        }
    }

    #[test]
    fn what_adds_nothing_is_not_kept() {
        let Years::Of(listed) = Years::read("2020-2030,2025,2024/4,2028,2020-2030/5,2031").unwrap() else {
            panic!("not all years");
        };
        let firsts: Vec<u16> = listed.items().iter().map(|span| span.first).collect();
        assert_eq!(firsts, [2020, 2024, 2031]);
    }
}
