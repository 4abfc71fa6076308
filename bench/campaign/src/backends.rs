//! PostgreSQL's backends that serve one process: which of them are in a transaction, at which statement, and what they hold.
//! They are known by the ports they were connected from, so that the process may call itself what it likes.

use std::collections::BTreeSet;
use std::fs;

use test_world::session::BlockingSession;

/// A transaction that goes on although its process does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// What its last statement was about, see [`subject`].
    pub subject: &'static str,
    /// It holds rows of `scheduler_due`: due times that no other process can decide.
    pub holds_due: bool,
    /// It holds an advisory lock.
    pub holds_guard: bool,
}

/// Subjects of statements, each with what its text names.
const SUBJECTS: [(&str, &str); 8] = [
    ("due times", "scheduler_due"),
    ("leases", "scheduler_instance"),
    ("switches", "scheduler_state"),
    ("jobs", "scheduler_job"),
    ("events", "task_log"),
    ("runs", "scheduler_run"),
    ("guards", "advisory"),
    ("tasks", "task"),
];

/// What a statement is about: the first of the tables that it names. `BEGIN`, `COMMIT` and settings are about none.
pub fn subject(statement: &str) -> &'static str {
    let named = SUBJECTS.iter().find(|(_, name)| statement.contains(name));
    named.map_or("other", |(subject, _)| subject)
}

/// What is listed to see whether a process is in a transaction: the subjects of the statements in it.
pub fn in_transaction(session: &BlockingSession, ports: &[u16]) -> anyhow::Result<Vec<&'static str>> {
    let query = format!(
        "SELECT left(query, 400) FROM pg_stat_activity
         WHERE client_port IN ({}) AND xact_start IS NOT NULL AND datname = current_database()",
        listed(ports)
    );
    let rows = session.rows::<1>(&query)?;
    Ok(rows.iter().map(|[statement]| subject(statement)).collect())
}

/// The transactions that wait for their process, or for a lock, for longer than 50 ms: those in which a process is that
/// was stopped before. One whose COMMIT was on its way has ended by then.
pub fn stuck(session: &BlockingSession, ports: &[u16]) -> anyhow::Result<Vec<Stuck>> {
    let query = format!(
        "SELECT left(a.query, 400),
                EXISTS (SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = a.pid AND l.granted
                        AND c.relname = 'scheduler_due' AND l.mode IN ('RowShareLock', 'RowExclusiveLock')),
                EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'advisory')
         FROM pg_stat_activity a
         WHERE client_port IN ({}) AND xact_start < clock_timestamp() - interval '50 ms' AND datname = current_database()
           AND (state LIKE 'idle in transaction%' OR wait_event_type IN ('Client', 'Lock'))",
        listed(ports)
    );
    let rows = session.rows::<3>(&query)?;
    let stuck = rows.iter().map(|[statement, due, guard]| Stuck {
        subject: subject(statement),
        holds_due: due == "t",
        holds_guard: guard == "t",
    });
    Ok(stuck.collect())
}

fn listed(ports: &[u16]) -> String {
    // No backend has the port 0.
    let ports: Vec<String> = ports.iter().chain(&[0]).map(u16::to_string).collect();
    ports.join(", ")
}

/// The ports from which a process is connected to a server on loopback.
pub fn ports(pid: u32, server: u16) -> Vec<u16> {
    let sockets: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target| {
            let target = target.to_str()?;
            let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    table
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let ours = sockets.contains(*cells.get(9)?) && port(cells[2])? == server;
            ours.then(|| port(cells[1])).flatten()
        })
        .collect()
}

/// Of `0100007F:1F90` the port.
fn port(address: &str) -> Option<u16> {
    let (_, port) = address.split_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_statement_is_about_what_it_names_first_of_all() {
        for (statement, about) in [
            (
                "SELECT job_key FROM scheduler_due WHERE next_run_at <= $1",
                "due times",
            ),
            ("UPDATE scheduler_run SET state = 'sending'", "runs"),
            ("INSERT INTO task_log (task_id) SELECT id FROM task", "events"),
            ("UPDATE task SET next_run = $2", "tasks"),
            ("SELECT pg_advisory_xact_lock($1, $2)", "guards"),
            ("BEGIN READ WRITE", "other"),
        ] {
            assert_eq!(subject(statement), about, "{statement}");
        }
    }

    #[test]
    fn the_ports_of_a_process_are_those_it_connected_from() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        let own = stream.local_addr().unwrap().port();
        assert_eq!(ports(std::process::id(), address.port()), [own]);
        drop(stream);
        assert_eq!(ports(std::process::id(), address.port()), [0_u16; 0]);
    }
}
