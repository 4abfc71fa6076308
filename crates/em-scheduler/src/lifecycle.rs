//! The life of the process as its surroundings see it: signals that end it, and what systemd is told.
//!
//! The first SIGTERM or SIGINT asks for a graceful stop, the second ends the process at once with the exit code that a
//! shell gives to a process killed by it. Whoever runs a service listens before anything is started, so that a signal
//! during the start is not lost.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::watch;

use crate::clock::Stopwatch;

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The exit code of a process that it ended: 128 and its number.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Microseconds within which a further signal is an echo of the first.
const ECHO: i64 = 20_000;

/// Hears the signals from its creation on.
#[derive(Debug, Clone)]
pub struct Signals(watch::Receiver<Option<Signal>>);

impl Signals {
    /// Begins to listen, on the current runtime. The second signal ends the process whatever it is doing.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (tell, heard) = watch::channel(None);
        tokio::spawn(async move {
            let first = next(&mut interrupts, &mut terminations).await;
            // Nobody may be waiting yet, or any more; the second signal is heard all the same.
            let _ = tell.send(Some(first));
            let since = Stopwatch::start();
            let second = loop {
                let signal = next(&mut interrupts, &mut terminations).await;
                // Whoever signals a process and its group says the same thing twice.
                if since.micros() > ECHO {
                    break signal;
                }
            };
            tracing::warn!(signal = second.name(), "ended at once by a second signal");
            std::process::exit(second.exit_code());
        });
        Ok(Self(heard))
    }

    /// Waits for the first signal; at once if it has come already.
    pub async fn first(&mut self) -> Signal {
        match self.0.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // The listener ends only with the process.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

async fn next(interrupts: &mut Stream, terminations: &mut Stream) -> Signal {
    tokio::select! {
        _ = interrupts.recv() => Signal::Interrupt,
        _ = terminations.recv() => Signal::Terminate,
    }
}

/// What systemd is told of a unit of `Type=notify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The service answers and decides.
    Ready,
    /// It is ending.
    Stopping,
}

/// Tells the service manager, where there is one that wants to know. That it cannot be told is no reason to fail.
pub fn notify(state: State) {
    let text = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&socket, text)
    {
        tracing::warn!(%error, "the service manager could not be told: {text}");
    }
}

fn send(socket: &std::ffi::OsStr, text: &str) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let own = UnixDatagram::unbound()?;
    let address = match socket.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    own.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_service_manager_hears_of_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1").unwrap();
        let mut heard = [0; 32];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
        assert!(send(folder.path().join("nobody").as_os_str(), "READY=1").is_err());
    }
}
