//! tokio-cron-scheduler: N one-shot jobs due at the same instant, each a GET over kept-alive connections. In memory, two
//! worker threads, no event log: its best configuration.

use std::env::var;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio_cron_scheduler::{Job, JobScheduler};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let jobs: usize = var("JOBS")?.parse()?;
    let runner = var("RUNNER")?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(64)
        .build_http();
    let (connections, done) = (Arc::new(Semaphore::new(64)), Arc::new(Semaphore::new(0)));

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let due = now.as_secs() + 5 + jobs as u64 / 1_000;
    let away = Duration::from_secs(due) - now;
    let (instant, text) = (Instant::now() + away, iso(due));
    let scheduler = JobScheduler::new().await?;
    for number in 1..=jobs {
        let (client, connections, done) = (client.clone(), connections.clone(), done.clone());
        let (url, text) = (format!("{runner}/{number}"), text.clone());
        let job = Job::new_one_shot_at_instant_async(instant, move |_, _| {
            let (client, connections, done) = (client.clone(), connections.clone(), done.clone());
            let (url, text) = (url.clone(), text.clone());
            Box::pin(async move {
                let _connection = connections.acquire().await;
                let request = Request::get(url).header("x-scheduled-for", text).body(Empty::new());
                if let Ok(request) = request
                    && let Ok(answer) = client.request(request).await
                {
                    let _ = answer.into_body().collect().await;
                }
                done.add_permits(1);
            })
        })?;
        scheduler.add(job).await?;
    }
    if Instant::now() >= instant {
        return Err("not all jobs were stored before they were due".into());
    }
    // Its clock ticks twice a second and knows whole seconds only, so it may fire up to a second early.
    let before = cpu();
    scheduler.start().await?;
    tokio::time::sleep_until(instant.into()).await;
    let _ = tokio::time::timeout(Duration::from_secs(60), done.acquire_many(u32::try_from(jobs)?)).await;
    println!(
        r#"{{"peer":"tokio-cron-scheduler 0.15.1","configuration":"in memory; one-shot jobs, 64 connections, whole seconds only, no event log, GET","cpu":{}}}"#,
        cpu() - before
    );
    std::process::exit(0)
}

/// Processor time in microseconds.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .rsplit(") ")
        .next()
        .unwrap_or("")
        .split(' ')
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    fields.get(11..13).map_or(0, |times| times.iter().sum::<u64>() * 10_000)
}

/// Seconds since 1970 as the header has them.
fn iso(seconds: u64) -> String {
    let (days, of_day) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Howard Hinnant's days_from_civil, backwards.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
