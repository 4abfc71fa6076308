//! What wakes the engine: the bell, rung after each write that may change what is due, and a timer that goes to the
//! microsecond. The bell is a hint only; polling is the truth, so a bell that is not heard costs at most a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// Rung by writers, heard by the engine. Cheap to clone: all clones are one bell.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Wakes the listener, now or when it next listens.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it is rung; at once if it was since the last time.
    pub async fn heard(&self) {
        self.0.notified().await;
    }
}

/// Ends a sleep in time. The runtime's own timers count whole milliseconds and end up to two late, which on SQLite is most
/// of what a lone run would be late by.
#[derive(Debug)]
pub enum Timer {
    /// The runtime's: in virtual time too, and where the system has no other.
    Runtime,
    /// The kernel's, read as a file.
    #[cfg(target_os = "linux")]
    Kernel(kernel::Timer),
}

impl Timer {
    /// The finest there is, on the runtime that calls this.
    ///
    /// # Panics
    /// There is no runtime, or it drives no files.
    pub fn finest() -> Self {
        #[cfg(target_os = "linux")]
        match kernel::Timer::new() {
            Ok(timer) => return Self::Kernel(timer),
            Err(error) => {
                tracing::warn!(%error, "the kernel has no timer: runs may be two milliseconds late");
            }
        }
        Self::Runtime
    }

    /// Sleeps so long. One at a time: to begin a sleep is to give up the one before.
    pub async fn sleep(&mut self, duration: Duration) {
        #[cfg(target_os = "linux")]
        if let Self::Kernel(timer) = self {
            match timer.sleep(duration).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "the kernel's timer failed: runs may be two milliseconds late");
                }
            }
            *self = Self::Runtime;
        }
        tokio::time::sleep(duration).await;
    }
}

/// The timer of Linux.
#[cfg(target_os = "linux")]
mod kernel {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "unsound only for what does not own its descriptor as long as it lives, as this does; its successor is unsafe to call"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            AsyncFd::with_interest(file, Interest::READABLE).map(Self)
        }

        pub(super) async fn sleep(&mut self, duration: Duration) -> io::Result<()> {
            // To set it to nothing would be to stop it.
            let duration = duration.max(Duration::from_nanos(1));
            let once = Itimerspec {
                it_interval: Timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                },
                it_value: Timespec {
                    tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: duration.subsec_nanos().into(),
                },
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            // Setting it has emptied it, so what an earlier sleep left to be read is not mistaken for this one's end.
            let expirations = &mut [0; 8];
            self.0
                .async_io(Interest::READABLE, |file| {
                    Ok(rustix::io::read(file, expirations.as_mut_slice())?)
                })
                .await?;
            Ok(())
        }
    }
}
