//! The eight fields of a cron trigger: names, bounds, and the words that stand for numbers.

/// A field of a cron trigger, from the most to the least significant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Calendar year, 1970 to 9999.
    Year,
    /// Month, 1 to 12 or `jan` to `dec`.
    Month,
    /// Day of the month, 1 to 31, `last`, `3rd fri`, `last wed`.
    Day,
    /// ISO week of the date, 1 to 53.
    Week,
    /// Day of the week, 0 = Monday to 6, or `mon` to `sun`.
    DayOfWeek,
    /// Hour, 0 to 23.
    Hour,
    /// Minute, 0 to 59.
    Minute,
    /// Second, 0 to 59.
    Second,
}

pub(crate) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
pub(crate) const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

impl Field {
    /// All fields, from the most to the least significant.
    pub const ALL: [Self; 8] = [
        Self::Year,
        Self::Month,
        Self::Day,
        Self::Week,
        Self::DayOfWeek,
        Self::Hour,
        Self::Minute,
        Self::Second,
    ];

    /// The name in a definition, such as `day_of_week`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Week => "week",
            Self::DayOfWeek => "day_of_week",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }

    /// The field of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The least and the greatest value.
    #[must_use]
    pub const fn bounds(self) -> (u16, u16) {
        match self {
            Self::Year => (1970, 9999),
            Self::Month => (1, 12),
            Self::Day => (1, 31),
            Self::Week => (1, 53),
            Self::DayOfWeek => (0, 6),
            Self::Hour => (0, 23),
            Self::Minute | Self::Second => (0, 59),
        }
    }

    /// What an expression of the field may be, for error messages.
    pub(crate) const fn allowed(self) -> &'static str {
        match self {
            Self::Year => "*, */n, a, a-b, a-b/n, a/n or a list of these, with values 1970 to 9999",
            Self::Month => "*, */n, a, a-b, a-b/n, a/n or a list of these, with values 1 to 12 or jan to dec",
            Self::Day => {
                "*, */n, a, a-b, a-b/n, a/n with values 1 to 31, last, \"3rd fri\", \"last wed\" or a list of these"
            }
            Self::Week => "*, */n, a, a-b, a-b/n, a/n or a list of these, with values 1 to 53",
            Self::DayOfWeek => {
                "*, */n, a, a-b, a-b/n, a/n or a list of these, with values 0 (Monday) to 6 or mon to sun"
            }
            Self::Hour => "*, */n, a, a-b, a-b/n, a/n or a list of these, with values 0 to 23",
            Self::Minute | Self::Second => {
                "*, */n, a, a-b, a-b/n, a/n or a list of these, with values 0 to 59"
            }
        }
    }

    /// The number that a three-letter name stands for, in any case.
    pub(crate) fn value_of(self, name: &str) -> Option<u16> {
        let (names, first): (&[&str], u16) = match self {
            Self::Month => (&MONTHS, 1),
            Self::DayOfWeek => (&WEEKDAYS, 0),
            _ => return None,
        };
        let found = names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        Some(found as u16 + first)
    }
}

/// The texts of the fields, in the order of [`Field::ALL`]; `None` is a field that is not given.
pub type Fields<'a> = [Option<&'a str>; 8];
