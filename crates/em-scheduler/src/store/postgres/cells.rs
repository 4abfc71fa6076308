//! Reads the columns of our own rows (F12). PostgreSQL checks their types; a value that no version of the program writes
//! becomes [`StoreError::Corrupt`], which names it and concerns its row alone.

use tokio_postgres::Row;
use triggers::UtcMicros;

use crate::model::JobKind;
use crate::store::{Result, StoreError, codec};

/// The columns of one row that belong to one table.
#[derive(Clone, Copy)]
pub(super) struct PgColumns<'row> {
    row: &'row Row,
    table: &'static str,
    /// Where the row has its name.
    named: usize,
}

impl<'row> PgColumns<'row> {
    /// What the row is called stands in the column `named`, a text.
    pub(super) fn new(row: &'row Row, table: &'static str, named: usize) -> Self {
        Self { row, table, named }
    }

    /// The same row, as far as it comes from another table.
    pub(super) fn of_table(self, table: &'static str) -> Self {
        Self { table, ..self }
    }

    pub(super) fn instant(&self, place: usize, column: &'static str) -> Result<UtcMicros> {
        self.told(column, codec::instant(self.row.try_get(place)?))
    }

    pub(super) fn instant_or_null(&self, place: usize, column: &'static str) -> Result<Option<UtcMicros>> {
        let micros: Option<i64> = self.row.try_get(place)?;
        self.told(column, micros.map(codec::instant).transpose())
    }

    /// The id of a job.
    pub(super) fn job_id(&self, place: usize, column: &'static str) -> Result<&'row str> {
        self.told(column, codec::job_id(self.row.try_get(place)?))
    }

    pub(super) fn job_kind(&self, place: usize) -> Result<JobKind> {
        self.told("kind", codec::job_kind(self.row.try_get(place)?))
    }

    pub(super) fn attempt(&self, place: usize) -> Result<u32> {
        let count: i32 = self.row.try_get(place)?;
        self.told("attempt", codec::attempt(count.into()))
    }

    pub(super) fn fence(&self, place: usize) -> Result<i64> {
        self.told("fence", codec::fence(self.row.try_get(place)?))
    }

    fn told<T>(&self, column: &'static str, read: Result<T, String>) -> Result<T> {
        read.map_err(|found| self.corrupt(column, found))
    }

    fn corrupt(&self, column: &'static str, found: String) -> StoreError {
        let name = self.row.try_get(self.named).unwrap_or("?");
        codec::corrupt((self.table, column), codec::short(name).into_owned(), found)
    }
}
