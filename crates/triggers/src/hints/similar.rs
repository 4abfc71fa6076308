//! The nearest of some known names to one that is none of them.
//!
//! A distance of its own, some twenty lines, so that the crate needs no other for it.

/// The nearest name, in its own spelling, if there is one near enough; of several as near, the first.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = folded(name);
    let near = known.filter_map(|known| {
        // A third of it may be wrong; a short name turns into any other within two.
        let most = known.len().min(name.len() + 2) / 3;
        // That many letters more or less are as far away already.
        let can_be = known.len().abs_diff(name.len()) <= most;
        let distance = can_be.then(|| distance(&name, &folded(known)))?;
        (distance <= most).then_some((distance, known))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Whether two names are the same but for case and the signs between their words.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.chars().map(fold).eq(b.chars().map(fold))
}

/// A name as it is compared.
fn folded(name: &str) -> Vec<char> {
    name.trim().chars().map(fold).collect()
}

/// Case and the signs between words do not count.
fn fold(c: char) -> char {
    match c {
        ' ' | '-' => '_',
        other => other.to_ascii_lowercase(),
    }
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_letters() {
        for (a, b, expected) in [
            ("", "", 0),
            ("berlin", "berlin", 0),
            ("berln", "berlin", 1),
            ("ebrlin", "berlin", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("daily", "dayly", 1),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(distance(&chars(a), &chars(b)), expected, "{a} {b}");
            assert_eq!(distance(&chars(b), &chars(a)), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_what_is_near_is_named() {
        let known = || ["hour", "minute", "day_of_week"].into_iter();
        for (name, expected) in [
            ("hours", Some("hour")),
            ("Minutes", Some("minute")),
            ("day of week", Some("day_of_week")),
            ("dayofweek", Some("day_of_week")),
            ("x", None),
            ("", None),
            ("nanosecond", None),
        ] {
            assert_eq!(nearest(name, known()), expected, "{name}");
        }
    }
}
