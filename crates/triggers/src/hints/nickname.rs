//! Words that stand for a whole line: `@daily` and what people take for one of its kin.

use super::duration;
use super::similar::nearest;
use super::wording::say;
use crate::cron::{Dialect, NICKNAMES, nickname};

/// What is meant by a text that begins with `@`, or is one word that would be a nickname.
pub(super) fn hint(dialect: Dialect, text: &str) -> Option<String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let Some(name) = word.strip_prefix('@') else {
        let is_known = rest.is_empty() && known(&word.to_ascii_lowercase()).is_some();
        return is_known.then(|| line(dialect, word)).flatten();
    };
    match name.to_ascii_lowercase().as_str() {
        "every" => Some(match duration::interval(rest) {
            Some(fields) => format!("that is an interval: {fields}"),
            None => "that is an interval, such as minutes=5".to_owned(),
        }),
        "reboot" => Some(
            "the start of a machine is no time; let systemd, or cron, start what is to run then".to_owned(),
        ),
        "secondly" | "every_second" => {
            Some("the fields of a cron have seconds, by their names: second=*".to_owned())
        }
        lower => match line(dialect, lower) {
            Some(told) if rest.is_empty() => Some(told),
            Some(told) => Some(format!("a nickname stands alone; {told}")),
            None => duration::interval(name)
                .map(|fields| format!("that is an interval: {fields}"))
                .or_else(|| line(dialect, nearest(lower, names())?)),
        },
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    NICKNAMES.iter().map(|(name, _)| &name[1..])
}

/// What to write for a word.
fn line(dialect: Dialect, word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let line = known(&word)?;
    let own = format!("@{word}");
    Some(match dialect {
        Dialect::Crontab if nickname(&own).is_some() => say(&own),
        Dialect::Crontab => say(line),
        // Sunday has another number there.
        Dialect::ApsCrontab => say(&line.replace("* * 0", "* * sun")),
    })
}

/// The line that a word stands for, here or elsewhere.
fn known(word: &str) -> Option<&'static str> {
    nickname(&format!("@{word}")).or(match word {
        "minutely" | "every_minute" => Some("* * * * *"),
        "noon" => Some("0 12 * * *"),
        "weekdays" | "weekday" | "workdays" => Some("0 0 * * mon-fri"),
        "weekends" | "weekend" => Some("0 0 * * sat,sun"),
        "quarterly" => Some("0 0 1 */3 *"),
        "semiannually" | "biannually" => Some("0 0 1 */6 *"),
        _ => None,
    })
}
