//! The HTTP API as its clients meet it: a real server on a loopback port, real HTTP, both databases, a real runner.
//! Only the engine is missing: what is due is decided where a test says so.

#[path = "../opening/mod.rs"]
mod opening;
mod tasks;
mod world;

mod adding;
mod busy;
mod deleting;
mod dialects;
mod listing;
mod outage;
mod reading;
mod routing;
mod running;
mod schedule;
#[path = "../security/mod.rs"]
mod security;
mod sequences;
mod serving;
mod switching;
#[path = "../wire/replay.rs"]
mod wire;

/// Each test is written once and runs on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::world::World::new($crate::world::Backend::Sqlite).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::world::World::new($crate::world::Backend::Postgres).await).await;
            })+
        }
    };
}
