//! The service without its engine, on a file in a folder of its own, with a runner in memory and a look at what is done.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use em_scheduler::api::{Api, router, table};
use em_scheduler::clock::SystemClock;
use em_scheduler::control::Control;
use em_scheduler::dispatch::{Connection, Dial, Dispatcher, Policy, RunnerClient, RunnerTimeouts};
use em_scheduler::http::{Guard, Hosts, Limits, Token, serve};
use em_scheduler::model::life::DeliveryRules;
use em_scheduler::model::{Delivery, ScheduleRules, WireDialect};
use em_scheduler::store::Store;
use em_scheduler::store::sqlite::{SqliteOptions, SqliteStore};
use em_scheduler::wakeup::Bell;
use test_world::runner::{self, ArrivalTimes, Reply, serve as serve_runner};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use triggers::{DstPolicy, Zone};

use super::caller::{Caller, InMemoryListener, Inside};
use super::judge::{Answer, TOKEN, judge};

/// A connection that is not over by then hangs.
const PATIENCE: Duration = Duration::from_secs(9);

/// Tasks of all kinds: an interval, nothing, a cron, broken ones, a one-off, no project.
const TASKS: &str = "
    INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (1, 'hourly', 1, 'h', 1), (3, 'broken', 1, 'y', 1);
    INSERT INTO project (id, name) VALUES (2, 'none');
    INSERT INTO project (id, name, cron, cron_hour, cron_min) VALUES (4, 'nightly', 1, 2, 30), (5, 'never', 1, 99, 0);
    INSERT INTO project (id, name, ooff, ooff_date) VALUES (6, 'once', 1, '2099-01-01 00:00:00');
    INSERT INTO task (id, name, project_id, enabled) VALUES
        (1, 'a', 1, 0), (2, 'b', 2, 0), (3, 'c', 3, 0), (4, 'd', 4, 1), (5, 'e', 5, 0), (6, 'f', 6, 0), (7, 'g', NULL, 0),
        (2147483647, 'last', 1, 0);";
/// As it was before the first call.
const CLEAR: &str = "
    BEGIN;
    DELETE FROM scheduler_due; DELETE FROM scheduler_job; DELETE FROM scheduler_run;
    DELETE FROM scheduler_reported; DELETE FROM task_log; DELETE FROM task; DELETE FROM project;";

pub struct World {
    service: Service,
    store: Arc<dyn Store>,
    notes: Arc<Notes>,
    _folder: tempfile::TempDir,
}

/// What ends with a stop, and is made anew then.
struct Service {
    control: Control,
    listeners: [mpsc::UnboundedSender<Caller>; 2],
    runtime: Runtime,
}

/// Sees what is done.
struct Notes {
    database: Mutex<rusqlite::Connection>,
    sent: AtomicUsize,
    inside: Arc<Inside>,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("em.db");
        let options = SqliteOptions {
            path: path.clone(),
            zone: Zone::utc(),
            clock: Arc::new(SystemClock),
            instance: "fuzz".into(),
            place: "here".into(),
        };
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).expect("a store"));
        let notes = Arc::new(Notes::new(&path));
        notes.clear();
        Self {
            service: Service::new(&store, &notes),
            store,
            notes,
            _folder: folder,
        }
    }

    /// Calls a listener and says this; what comes of it is judged on the way.
    pub fn call(&mut self, with_token: bool, said: Vec<u8>, piece: usize) {
        let before = self.notes.state();
        let (caller, ended) = Caller::new(said, piece, &self.notes.inside);
        self.service.listeners[usize::from(with_token)]
            .send(caller)
            .expect("a server");
        let ended = async { tokio::time::timeout(PATIENCE, ended).await };
        let heard = self
            .service
            .runtime
            .block_on(ended)
            .expect("the connection hangs")
            .expect("an end");
        if let Some(rest) = heard.strip_prefix(b"HTTP/1.") {
            assert!(
                rest.get(2).is_some_and(|class| (b'1'..b'5').contains(class)),
                "{}",
                String::from_utf8_lossy(&heard)
            );
        } else {
            assert!(heard.is_empty(), "{}", String::from_utf8_lossy(&heard));
        }
        if self.service.control.is_stopped() {
            self.service = Service::new(&self.store, &self.notes);
        }
        if self.notes.state() != before {
            self.notes.clear();
        }
    }
}

impl Service {
    fn new(store: &Arc<dyn Store>, notes: &Arc<Notes>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let address = "http://runner/api".parse().expect("an address");
        let client = RunnerClient::dialling(
            Arc::new(Runner(Arc::clone(notes))),
            address,
            RunnerTimeouts::default(),
        );
        let policy = Policy {
            concurrency: 10,
            rules: DeliveryRules {
                delivery: Delivery::AtMostOnce,
                grace: 30_000_000,
                attempts: 1,
            },
        };
        let control = Control::default();
        let api = Api {
            store: Arc::clone(store),
            dispatcher: Dispatcher::start(Arc::clone(store), client, policy, runtime.handle()),
            bell: Bell::default(),
            control: control.clone(),
            rules: ScheduleRules {
                zone: Zone::utc(),
                dst: DstPolicy::Once,
            },
            dialect: WireDialect::Em2,
            peers: None,
        };
        let routes = router(api).layer(from_fn_with_state(Arc::clone(notes), within));
        let listeners = [false, true].map(|with_token| {
            let hosts = Hosts::of_address(
                "127.0.0.1:5001".parse().expect("an address"),
                &["em.example".to_owned()],
            );
            let guard = Guard::new(hosts).with_token(with_token.then(|| Token::new(TOKEN)));
            let watch = Watch {
                notes: Arc::clone(notes),
                control: control.clone(),
                with_token,
            };
            let guarded = guard
                .protect(routes.clone(), table())
                .layer(from_fn_with_state(watch, around));
            let (callers, listener) = InMemoryListener::new();
            runtime.spawn(serve(
                listener,
                guarded,
                Limits::default(),
                std::future::pending(),
            ));
            callers
        });
        Self {
            control,
            listeners,
            runtime,
        }
    }
}

impl Notes {
    fn new(path: &Path) -> Self {
        let database = rusqlite::Connection::open(path).expect("the file");
        database
            .busy_timeout(Duration::from_secs(10))
            .expect("a time-out");
        Self {
            database: Mutex::new(database),
            sent: AtomicUsize::new(0),
            inside: Arc::default(),
        }
    }

    /// Changes with every commit of another connection and with every request to the runner.
    fn state(&self) -> (i64, usize) {
        let database = self.database.lock().expect("the file");
        let version = database
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .expect("a version");
        (version, self.sent.load(Ordering::SeqCst))
    }

    fn clear(&self) {
        let script =
            format!("{CLEAR}{TASKS} UPDATE scheduler_state SET value = 0 WHERE name = 'paused'; COMMIT;");
        self.database
            .lock()
            .expect("the file")
            .execute_batch(&script)
            .expect("the script");
    }
}

#[derive(Clone)]
struct Watch {
    notes: Arc<Notes>,
    control: Control,
    with_token: bool,
}

/// Before the guard: every request that was one, and its answer.
async fn around(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let (asked, body) = request.into_parts();
    let request = Request::from_parts(asked.clone(), body);
    let state = || (watch.notes.state(), watch.control.is_stopped());
    let before = state();
    let (head, body) = next.run(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole answer");
    let answer = Answer {
        status: head.status,
        headers: &head.headers,
        body: &body,
        changed: state() != before,
    };
    judge(&asked, watch.with_token, &answer);
    Response::from_parts(head, Body::from(body))
}

/// Behind the guard: what is being carried out. The answer is read here, so that its end is known.
async fn within(State(notes): State<Arc<Notes>>, request: Request, next: Next) -> Response {
    let _entered = notes.inside.enter();
    let (head, body) = next.run(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole answer");
    Response::from_parts(head, Body::from(body))
}

impl runner::Notes for Notes {
    fn note(&self, _: &test_world::request::Request<'_>, _: ArrivalTimes) -> Reply {
        self.sent.fetch_add(1, Ordering::SeqCst);
        Reply::last("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    }
}

/// A runner that takes every run.
struct Runner(Arc<Notes>);

#[async_trait]
impl Dial for Runner {
    async fn dial(&self) -> Result<Box<dyn Connection>, String> {
        let (ours, theirs) = tokio::io::duplex(4096);
        let notes = Arc::clone(&self.0);
        tokio::spawn(async move { serve_runner(theirs, &*notes).await });
        Ok(Box::new(ours))
    }
}
