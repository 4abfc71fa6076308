//! Which crontab a line is of. How each is read is in `cron::crontab`.

use serde::Serialize;

/// How a crontab line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// `minute hour day month day_of_week` in the grammar of the single fields: 0 = Monday, all fields must match,
    /// no nicknames.
    ApsCrontab,
    /// What `crontab(5)` means: 0 and 7 = Sunday, day *or* weekday when neither begins with `*`, names, `@daily`.
    Crontab,
}

impl Dialect {
    /// What a line of the dialect may be, for error messages.
    pub(crate) const fn allowed(self) -> &'static str {
        match self {
            Self::ApsCrontab => {
                "five fields: minute hour day month day_of_week (0 = Monday); \
                 @daily and its kin are of the dialect crontab"
            }
            Self::Crontab => {
                "five fields: minute hour day month weekday (0 and 7 = Sunday), \
                 or @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"
            }
        }
    }
}
