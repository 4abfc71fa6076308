//! A process, from its start to its death: the real engine, dispatcher, client and API, put together as `serve` does,
//! on a runtime of its own whose time stands still unless it is let pass. Dropping the runtime is its death: whatever
//! was in memory is gone, and nothing of it runs on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use em_scheduler::api::{self, Api};
use em_scheduler::clock::Clock;
use em_scheduler::dispatch::{Dispatcher, RunnerClient};
use em_scheduler::engine::Engine;
use em_scheduler::model::WireDialect;
use em_scheduler::peers::LeaseTimes;
use em_scheduler::store::Store;
use em_scheduler::wakeup::Timer;
use http_body_util::{BodyExt, Empty};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};

use crate::checker::Asked;
use crate::clock::ProcessClock;
use crate::faulty::FaultyStore;
use crate::life::Life;
use crate::sabotage::{Sabotage, Saboteur};
use crate::scenario::Scenario;
use crate::wire::Runner;
use crate::world::World;

pub struct Process {
    pub life: Arc<Life>,
    pub dispatcher: Dispatcher,
    api: TowerToHyperService<axum::Router>,
    /// Set by whoever asks the API to stop the scheduler.
    pub stopped: bool,
    // Last: what the fields above hold of it must be gone before.
    runtime: Runtime,
}

/// How a process is started.
pub struct Birth<'a> {
    pub scenario: &'a Scenario,
    pub sabotage: Option<Sabotage>,
    /// 0 or 1.
    pub place: usize,
    pub name: String,
    /// How much time has passed.
    pub passed: i64,
}

impl Process {
    /// Starts it; none if it cannot open the database.
    pub fn start(world: &World, birth: &Birth<'_>) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // What is spawned from outside (requests to the API) has its turn at once, not after a number of turns: how
            // often the runtime looks for something to do depends on threads, and the history must not.
            .global_queue_interval(1)
            .build()
            .unwrap();
        let entered = runtime.enter();
        let (wall, seed) = {
            let mut core = world.core();
            core.trace.note(birth.passed, &birth.name, "starts");
            (core.wall.clone(), core.random.next())
        };
        em_scheduler::chance::seed(seed);
        let clock = || ProcessClock::start(wall.clone(), birth.passed);
        let life = Arc::new(Life::new(birth.name.clone(), world.clone(), clock()));
        let (opened, saboteur) = {
            let core = world.core();
            let clock: Arc<dyn Clock> = Arc::new(clock());
            let opened = core.database.open(birth.place, &birth.name, clock);
            let saboteur = birth
                .sabotage
                .map(|sabotage| Saboteur::new(sabotage, &core.database.file()));
            (opened.ok()?, saboteur)
        };
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(opened, Arc::clone(&life), saboteur));
        let scenario = birth.scenario;
        let client = RunnerClient::dialling(
            Arc::new(Runner(Arc::clone(&life))),
            "http://runner.example/api".parse().unwrap(),
            scenario.timeouts,
        )
        .retrying(scenario.retry_statuses.clone());
        let dispatcher = Dispatcher::start(Arc::clone(&store), client, scenario.policy(), runtime.handle());
        let engine = Engine::new(
            Arc::clone(&store),
            dispatcher.clone(),
            scenario.engine(&birth.name),
        );
        let router = api::router(Api {
            store,
            dispatcher: dispatcher.clone(),
            bell: engine.bell(),
            control: engine.control(),
            rules: Scenario::rules(),
            dialect: WireDialect::Em2,
            peers: (!scenario.alone).then(|| LeaseTimes::of(scenario.firing.grace)),
        });
        runtime.spawn(async move {
            let (tell, _ready) = oneshot::channel();
            // It ends with the process.
            engine.run(&Notify::new(), Timer::Runtime, tell).await;
        });
        drop(entered);
        Some(Self {
            life,
            dispatcher,
            api: TowerToHyperService::new(router),
            stopped: false,
            runtime,
        })
    }

    /// Lets it live until so much time has passed in all, or until it dies.
    pub fn live_until(&self, passed: i64) {
        self.runtime.block_on(async {
            let left = passed - self.life.clock.passed();
            tokio::select! {
                biased;
                () = self.life.ended() => {}
                () = tokio::time::sleep(Duration::from_micros(left.max(0).unsigned_abs())) => {}
            }
        });
    }

    /// Ends it here and now.
    pub fn kill(&self, why: &str) {
        let _entered = self.runtime.enter();
        self.life.end(why);
    }

    /// So much time has passed in all while it was not allowed to run.
    pub fn wake_at(&self, passed: i64) {
        self.runtime.block_on(async {
            let slept = passed - self.life.clock.passed();
            tokio::time::advance(Duration::from_micros(slept.max(0).unsigned_abs())).await;
        });
    }

    /// Asks the API. The answer comes when it comes, if the process lives to give it.
    pub fn ask(&self, asked: Asked) {
        let path = match asked {
            Asked::Add(task) => format!("/api/add/{task}"),
            Asked::Delete(task) => format!("/api/delete/{task}"),
            Asked::DeleteAll => "/api/delete".into(),
            Asked::DeleteOrphans => "/api/delete-orphans".into(),
            Asked::Run(task) => format!("/api/run/{task}"),
            Asked::RunLater(task) => format!("/api/run/{task}/delay/1"),
            Asked::Pause => "/api/pause".into(),
            Asked::Resume => "/api/resume".into(),
            Asked::Stop => "/api/kill".into(),
            Asked::List => "/api/jobs".into(),
        };
        // Its time is the runtime's.
        let _entered = self.runtime.enter();
        let since = self.life.world.core().checker.asked(asked);
        self.life.note(format_args!("is asked {path}"));
        let request = http::Request::get(path).body(Empty::<Bytes>::new()).unwrap();
        let (api, life) = (self.api.clone(), Arc::clone(&self.life));
        self.runtime.spawn(async move {
            let answer = api.call(request).await.unwrap();
            if life.is_dead() {
                return;
            }
            let passed = life.clock.passed();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            life.note(format_args!(
                "answers {asked:?}: {}",
                String::from_utf8_lossy(&body)
            ));
            // Whatever the status: the contract says it in the body. A list has neither.
            if body.starts_with(b"{\"message\"") {
                let mut core = life.world.core();
                core.acknowledged(asked, since, (&life.name, passed));
            }
        });
    }
}
