//! On PostgreSQL a transaction's statements travel behind its BEGIN, before anybody knows whether that succeeds. Where it
//! does not, each of them would be a transaction of its own: an advanced job without its run, a run without its event.
//! Here the server refuses every BEGIN, by way of a proxy, and no operation may leave a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use em_scheduler::em_web::{SyncPlan, SyncTask, TaskRow};
use em_scheduler::model::life::TakeOver;
use em_scheduler::model::{DueJob, OpenRun, Outcome};
use em_scheduler::store::postgres::PostgresStore;
use em_scheduler::store::{JobPlanner, Result, Store, SyncRange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::decide::send_then;
use super::fixture::{job, rule};
use super::harness::{Harness, ME, NOW, after, at, on_postgres, postgres_options};

/// What a message that asks for encryption consists of.
const ASKS_FOR_TLS: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// Stands before a server and makes it refuse each BEGIN while it is told to.
#[derive(Default)]
struct Proxy {
    refuses: AtomicBool,
    refused: AtomicUsize,
}

impl Proxy {
    /// Takes connections for the server of this URL; answers the URL to use instead.
    async fn before(url: &str) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let config: tokio_postgres::Config = url.parse().unwrap();
        let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else {
            panic!("{url} is reached by TCP")
        };
        let server = format!("{host}:{}", config.get_ports()[0]);
        let through = url.replace(&server, &own);
        assert_ne!(through, url);
        let proxy = Arc::new(Self::default());
        let between = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = tokio::net::TcpStream::connect(&server).await.unwrap();
                let (asked, mut answers) = client.into_split();
                let (mut answered, questions) = server.into_split();
                let between = Arc::clone(&between);
                // Either side ends when the other does; which error tells it does not matter.
                tokio::spawn(async move { drop(between.forward(asked, questions).await) });
                tokio::spawn(async move { drop(tokio::io::copy(&mut answered, &mut answers).await) });
            }
        });
        (proxy, through)
    }

    /// Passes messages on, one by one. Each begins with its type and its length, but the first, and that which asks for
    /// encryption before it, have no type.
    async fn forward(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut begin: Option<Vec<u8>> = None;
        let mut kind = None;
        loop {
            let length = from.read_u32().await?;
            let mut body = vec![0; length as usize - 4];
            from.read_exact(&mut body).await?;
            match kind {
                // Parse: the name of the statement, and its text.
                Some(b'P') if body.windows(6).any(|part| part == b"\0BEGIN") => {
                    begin = Some(body.split(|byte| *byte == 0).next().unwrap().to_vec());
                }
                // Bind: the name of the portal, and that of the statement, which becomes one that does not exist.
                Some(b'B') if self.refuses.load(Ordering::SeqCst) => {
                    let named = begin
                        .as_ref()
                        .filter(|name| body[1..].starts_with(&[name, &b"\0"[..]].concat()));
                    if named.is_some() {
                        body[1] = b'?';
                        self.refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
                _ => {}
            }
            // In one piece: pieces would wait for one another on the way.
            let mut message = Vec::from_iter(kind);
            message.extend(length.to_be_bytes());
            message.extend(&body);
            to.write_all(&message).await?;
            if kind.is_some() || body != ASKS_FOR_TLS {
                kind = Some(from.read_u8().await?);
            }
        }
    }
}

/// The same database through the proxy, as the same process.
async fn through_a_proxy(h: &Harness) -> (Arc<Proxy>, Arc<dyn Store>) {
    let (proxy, url) = Proxy::before(&h.place.url).await;
    let store = PostgresStore::connect(postgres_options(&url, ME)).await;
    (proxy, Arc::new(store.unwrap()))
}

/// All rows of all tables.
async fn everything(h: &Harness) -> Vec<String> {
    let tables = h
        .place
        .lines("SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'em_scheduler') ORDER BY 1")
        .await;
    let mut rows = Vec::new();
    for table in tables {
        let query = format!("SELECT '{table}', t::text FROM \"{table}\" t ORDER BY 2");
        rows.extend(h.place.lines(&query).await);
    }
    rows
}

/// Does it twice: where BEGIN is refused it must fail and leave no trace, and then, to show that it had something to do, it
/// must change something.
async fn all_or_nothing<T>(h: &Harness, proxy: &Proxy, name: &str, operation: impl AsyncFn() -> Result<T>) {
    let before = everything(h).await;
    proxy.refused.store(0, Ordering::SeqCst);
    proxy.refuses.store(true, Ordering::SeqCst);
    assert!(operation().await.is_err(), "{name} succeeds without BEGIN");
    proxy.refuses.store(false, Ordering::SeqCst);
    assert_eq!(
        proxy.refused.load(Ordering::SeqCst),
        1,
        "{name}: the BEGINs refused"
    );
    assert_eq!(everything(h).await, before, "{name} left a trace");
    if let Err(error) = operation().await {
        panic!("{name}: {error}");
    }
    assert_ne!(everything(h).await, before, "{name} had nothing to do");
}

fn planned(id: &'static str) -> JobPlanner {
    Arc::new(move |row: &TaskRow| Ok(vec![job(id, row.id, Some(after(600)))]))
}

#[test]
fn where_begin_is_refused_nothing_is_written() {
    on_postgres(async |h| {
        let queued = h.queued_run(6, "3-6-cron").await;
        let sending = h.sending_run(5, "3-5-cron").await;
        let left = h.queued_run(4, "3-4-cron").await;
        h.due_job(7, "3-7-cron").await;
        h.place
            .run(&format!(
                "UPDATE scheduler_run SET owner = 'gone' WHERE key = {};
                 UPDATE task SET next_run = NULL, est_duration = 5",
                left.key
            ))
            .await;
        let (proxy, store) = through_a_proxy(&h).await;
        let (h, proxy, store) = (&h, &proxy, store.as_ref());
        let now = at(NOW);

        all_or_nothing(h, proxy, "set_synced", async || store.set_synced(now).await).await;
        all_or_nothing(h, proxy, "renew_lease", async || {
            store.renew_lease(now, after(10)).await
        })
        .await;
        let name = || Arc::new(|row: &TaskRow| format!("3-{}-run-0123456789", row.id)) as _;
        let manual = async || store.begin_manual_run(now, 7, name()).await;
        all_or_nothing(h, proxy, "begin_manual_run", manual).await;
        let send = || rule(true, |job: &DueJob| Ok(send_then(job, after(60))));
        all_or_nothing(h, proxy, "decide", async || store.decide(now, 100, send()).await).await;
        let wanted = || vec![(queued.key, queued.fence)];
        all_or_nothing(h, proxy, "begin_sends", async || {
            store.begin_sends(now, wanted()).await
        })
        .await;
        let settled = || vec![sending.settlement(Outcome::Failed { reason: "no".into() })];
        all_or_nothing(h, proxy, "settle", async || store.settle(now, settled()).await).await;
        let publish = async || store.publish_next_runs(now, vec![7]).await;
        all_or_nothing(h, proxy, "publish_next_runs", publish).await;
        let plan = |_: &SyncTask| SyncPlan {
            clear_estimate: true,
            ..SyncPlan::default()
        };
        let sync = async || {
            store
                .sync_page(now, SyncRange::After(None, 100), Arc::new(plan))
                .await
        };
        all_or_nothing(h, proxy, "sync_page", sync).await;
        let adopt = || Arc::new(|_: &OpenRun| TakeOver::Adopt) as _;
        let take_over = async || store.take_over(now, vec!["gone".into()], false, adopt()).await;
        all_or_nothing(h, proxy, "take_over", take_over).await;
        let replace = async || store.replace_jobs(now, 7, planned("3-7-intv")).await;
        all_or_nothing(h, proxy, "replace_jobs", replace).await;
        let add = async || store.add_jobs(now, 7, planned("3-7-0123456789")).await;
        all_or_nothing(h, proxy, "add_jobs", add).await;
        let old = async || store.delete_old_runs(after(3_600), 100).await;
        all_or_nothing(h, proxy, "delete_old_runs", old).await;
        all_or_nothing(h, proxy, "set_paused", async || store.set_paused(now, true).await).await;
        all_or_nothing(h, proxy, "remove_jobs", async || store.remove_jobs(now, 7).await).await;
        h.place
            .run("DELETE FROM task_log WHERE task_id = 6; DELETE FROM task WHERE id = 6")
            .await;
        all_or_nothing(h, proxy, "remove_orphans", async || {
            store.remove_orphans(now).await
        })
        .await;
        all_or_nothing(h, proxy, "remove_all_jobs", async || {
            store.remove_all_jobs(now).await
        })
        .await;
    });
}
