//! The server's folder, and the guard that outlives us.
//!
//! `Drop` does not run when a process is killed, aborts, or ends with a server in a static. So a tiny shell waits for the end of
//! its standard input, a pipe that only we hold: the system closes it however we end. The shell then stops whatever server still
//! runs in the folder and removes it. After an orderly end it finds nothing to do.

use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::account::Account;
use crate::{Error, random};

/// Called with the folder. Deaf to the signals that end a whole test run, or it would go before the server does.
const GUARD: &str = r#"
trap '' HUP INT QUIT TERM
read -r _
[ -d "$1" ] || exit 0
if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && [ -n "$pid" ]; then
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
"#;

/// A temporary folder, removed on drop and also when this process ends in any other way.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    guard: Child,
}

impl Folder {
    pub(crate) fn create() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("test-postgres-{:016x}", random::number()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(Error::io(format!("create {}", path.display())))?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "test-postgres-guard"])
            .arg(&path)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match guard {
            Ok(guard) => Ok(Self { path, guard }),
            Err(source) => {
                let _ = std::fs::remove_dir(&path);
                Err(Error::Io {
                    action: "run sh".into(),
                    source,
                })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the server keeps its files. The guard knows this place too.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(crate) fn give_to(&self, account: Account) -> Result<(), Error> {
        account.give(&self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: the guard tries again, and there is nobody to tell. Removed before the guard is let go, so that it
        // never acts on the number of a process that is gone.
        let _ = std::fs::remove_dir_all(&self.path);
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_removes_the_folder_and_the_guard() {
        let folder = Folder::create().expect("folder");
        let (path, guard) = (folder.path().to_owned(), folder.guard.id());
        std::fs::create_dir(folder.data()).expect("create");
        drop(folder);
        assert!(!path.exists());
        let guard = rustix::process::Pid::from_raw(guard.try_into().expect("small")).expect("positive");
        assert!(
            rustix::process::test_kill_process(guard).is_err(),
            "the guard still runs"
        );
    }
}
