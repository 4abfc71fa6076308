//! Each attack twice: on the bare route table, where it succeeds, and on the same table behind the guard, where it does
//! not. What the program makes of its settings is in `cli/securing`.

mod bodies;
mod browsers;
mod connections;
mod hosts;
mod names;
mod runner;
mod tokens;

use em_scheduler::http::{Guard, Hosts, Limits};
use tokio::net::TcpListener;

use crate::tasks;
use crate::world::{Server, World};
use test_world::Backend;
use test_world::client::{self, Answer};

/// One database, and two servers on it: `world.server` is guarded, `bare` is not.
pub struct Siege {
    pub world: World,
    pub bare: Server,
}

impl Siege {
    pub async fn new() -> Self {
        Self::with(|guard| guard).await
    }

    /// With the guard as a test wants it.
    pub async fn with(change: impl FnOnce(Guard) -> Guard) -> Self {
        let mut world = World::new(Backend::Sqlite).await;
        tasks::create(&world);
        let bare = server(&world, Limits::default(), |_| None).await;
        world.server = server(&world, Limits::default(), |guard| Some(change(guard))).await;
        Self { world, bare }
    }

    /// A request to the bare table and the same to the guarded one, each with its own `Host`.
    pub async fn both(&self, what: (&str, &str), header: &str) -> (Answer, Answer) {
        (
            ask(&self.bare, what, header).await,
            self.guarded(what, header).await,
        )
    }

    /// A request to the guarded table alone.
    pub async fn guarded(&self, what: (&str, &str), header: &str) -> Answer {
        ask(&self.world.server, what, header).await
    }
}

async fn ask(server: &Server, what: (&str, &str), header: &str) -> Answer {
    let header = format!("Host: {}\r\n{header}", server.address);
    let header = header.replace("{own}", &server.address.to_string());
    let answer = client::with_header(server.address, what, &header).await;
    answer.expect("an answer")
}

/// One more server beside that of the world.
pub async fn server(world: &World, limits: Limits, guard: impl FnOnce(Guard) -> Option<Guard>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let hosts = Hosts::of_address(listener.local_addr().expect("an address"), &[]);
    let guard = guard(Guard::new(hosts));
    Server::start_behind(
        (listener, limits, guard),
        &world.store,
        &world.zone,
        &world.runner.url(),
    )
}

/// The refusal with this status, as JSON.
pub fn is_refused(answer: &Answer, status: u16, case: &str) {
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert!(
        answer.error().starts_with(&status.to_string()),
        "{case}: {answer:?}"
    );
}
