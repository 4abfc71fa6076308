//! The HTTP API as its clients meet it: a real server on a loopback port, real HTTP, both databases, a real runner.
//! Only the engine is missing: what is due is decided where a test says so.

#[path = "api/client.rs"]
mod client;
#[path = "api/database.rs"]
mod database;
#[path = "api/runner.rs"]
mod runner;
#[path = "api/tasks.rs"]
mod tasks;
#[path = "api/world.rs"]
mod world;

#[path = "api/adding.rs"]
mod adding;
#[path = "api/busy.rs"]
mod busy;
#[path = "api/deleting.rs"]
mod deleting;
#[path = "api/dialects.rs"]
mod dialects;
#[path = "api/listing.rs"]
mod listing;
#[path = "api/outage.rs"]
mod outage;
#[path = "api/reading.rs"]
mod reading;
#[path = "api/routing.rs"]
mod routing;
#[path = "api/running.rs"]
mod running;
#[path = "api/schedule.rs"]
mod schedule;
#[path = "security/mod.rs"]
mod security;
#[path = "api/sequences.rs"]
mod sequences;
#[path = "api/serving.rs"]
mod serving;
#[path = "api/switching.rs"]
mod switching;
#[path = "wire/replay.rs"]
mod wire;

/// Each test is written once and runs on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::world::World::new($crate::database::Backend::Sqlite).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::world::World::new($crate::database::Backend::Postgres).await).await;
            })+
        }
    };
}
