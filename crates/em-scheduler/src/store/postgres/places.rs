//! Places for the calls of the API: so many of one kind are at work at a time, and the others wait for a moment.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect;
use crate::store::{Result, StoreError};

pub(super) struct Places(Semaphore);

impl Places {
    pub(super) fn new(places: usize) -> Self {
        Self(Semaphore::new(places))
    }

    /// A place, kept until it is dropped.
    pub(super) async fn place(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(connect::PATIENCE, self.0.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(StoreError::Unavailable(
                "too many calls wait for the database".into(),
            )),
        }
    }
}
