//! What every part works with, and how a part makes its sites.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bench::rows::{Results, Row};
use test_postgres::Server;
use test_world::{Backend, Database};

use crate::api::Ledger;
use crate::checker::{Delivery, Figures, Strictness};
use crate::dice::Dice;
use crate::runner::{Manners, SiteRunner};
use crate::schedules::Schedules;
use crate::site::{Judged, Site};

/// The service's own misfire grace, in microseconds.
pub const GRACE: i64 = 30_000_000;

/// See the module.
pub struct World {
    /// The service as it is shipped.
    pub binary: PathBuf,
    /// The service with crash points.
    pub crashing: PathBuf,
    /// A folder on the disk; what failed stays in it.
    pub folder: PathBuf,
    /// A durable PostgreSQL that no part stops.
    pub server: Server,
    pub seed: u64,
    pub quick: bool,
    pub engines: Vec<Backend>,
    /// Minutes of the soak and of the outage, if not those of the part.
    pub minutes: Option<f64>,
    pub results: Results,
    /// Parts that found something.
    pub failures: Mutex<Vec<String>>,
}

/// What a site is made of.
pub struct Plan<'a> {
    pub engine: Backend,
    /// The name of its folder.
    pub name: String,
    pub schedules: &'a Schedules,
    pub delivery: Delivery,
    pub manners: Manners,
    pub dice: Dice,
    pub binary: &'a Path,
}

impl World {
    /// A site with a database of its own on the shared server, or with a file in its folder.
    pub fn site(&self, plan: Plan<'_>) -> anyhow::Result<Site> {
        let folder = self.folder(&plan.name)?;
        let database = match plan.engine {
            Backend::Sqlite => Database::file_at(&folder.join("em.db")),
            Backend::Postgres => Database::on_server(&self.server, None)?,
        };
        site_on(database, (plan, folder))
    }

    /// The plan of a part, as it is unless it says otherwise.
    pub fn plan<'a>(&'a self, part: &str, engine: Backend, schedules: &'a Schedules) -> Plan<'a> {
        Plan {
            engine,
            name: format!("{part}-{}", engine.name()),
            schedules,
            delivery: Delivery::AtMostOnce,
            manners: Manners::default(),
            dice: self.dice(part),
            binary: &self.binary,
        }
    }

    /// A folder for one site.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Dice for a part, so that parts run alone throw what they throw together.
    pub fn dice(&self, part: &str) -> Dice {
        let number = part
            .bytes()
            .fold(0, |sum: u64, byte| sum.wrapping_mul(131) + u64::from(byte));
        Dice::new(self.seed).apart(number)
    }

    /// Takes what a site came to: counts it, tells what is wrong and where it lies, else clears its folder away.
    pub fn take(&self, site: &Site, judged: &Judged) -> anyhow::Result<Figures> {
        self.take_folder(&site.folder, judged)
    }

    /// The same where the site itself is gone already.
    pub fn take_folder(&self, folder: &Path, judged: &Judged) -> anyhow::Result<Figures> {
        if judged.violations.is_empty() {
            fs::remove_dir_all(folder)?;
        } else {
            let place = folder.display();
            eprintln!(
                "seed {}: {} violations, kept in {place}",
                self.seed,
                judged.violations.len()
            );
            for violation in judged.violations.iter().take(20) {
                eprintln!("  {violation}");
            }
            let what = format!(
                "{} violations (seed {}, {place})",
                judged.violations.len(),
                self.seed
            );
            self.failures
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(what);
        }
        Ok(judged.figures)
    }

    /// A row of a part that begins with its database and seed.
    pub fn row(&self, part: &'static str, database: &str) -> Row {
        let row = Row::new(part).with("database", database).with("seed", self.seed);
        // Few and short: said where it may be read as more.
        if self.quick { row.with("quick", true) } else { row }
    }
}

/// A site on a database that is there already.
pub fn site_on(database: Database, (plan, folder): (Plan<'_>, PathBuf)) -> anyhow::Result<Site> {
    database.migrate(plan.binary)?;
    database.fill(&plan.schedules.filling())?;
    site_in(database, (plan, folder))
}

/// The same where the tables are filled, too.
pub fn site_in(database: Database, (plan, folder): (Plan<'_>, PathBuf)) -> anyhow::Result<Site> {
    let runner = SiteRunner::start(plan.manners, plan.dice)?;
    let mut environment = Vec::new();
    if let Some(authority) = runner.authority() {
        let path = folder.join("authority.pem");
        fs::write(&path, authority)?;
        environment.push(("SSL_CERT_FILE".to_owned(), path.display().to_string()));
    }
    Ok(Site {
        database,
        runner,
        ledger: Ledger::default(),
        planned: plan.schedules.planned(),
        folder,
        binary: plan.binary.to_owned(),
        delivery: plan.delivery,
        grace: GRACE,
        arguments: Vec::new(),
        environment,
        one_clock: true,
        restored: false,
        strictness: Strictness::default(),
    })
}
