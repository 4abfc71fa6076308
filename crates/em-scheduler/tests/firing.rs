//! The main job, end to end: due jobs reach a real runner, once, on both databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "firing/runner.rs"]
mod runner;
#[path = "firing/world.rs"]
mod world;

#[path = "firing/beside.rs"]
mod beside;
#[path = "firing/comparing.rs"]
mod comparing;
#[path = "firing/crash.rs"]
mod crash;
#[path = "firing/decisions.rs"]
mod decisions;
#[path = "firing/delivery.rs"]
mod delivery;
#[path = "firing/dialects.rs"]
mod dialects;
#[path = "firing/hanging.rs"]
mod hanging;
#[path = "firing/outage.rs"]
mod outage;
#[path = "firing/switches.rs"]
mod switches;
#[path = "firing/timer.rs"]
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
