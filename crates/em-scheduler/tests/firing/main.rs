//! The main job, end to end: due jobs reach a real runner, once, on both databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "../opening/mod.rs"]
mod opening;
mod world;

mod beside;
mod comparing;
mod crash;
mod decisions;
mod delivery;
mod dialects;
mod hanging;
mod outage;
mod switches;
mod timer;

/// Each test is written once and runs on both databases.
#[macro_export]
macro_rules! on_both {
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
