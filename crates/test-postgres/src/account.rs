//! Whom the server runs as. PostgreSQL refuses to run as root, which is who containers and build machines are.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::Error;

/// The user the server's programs run as: ourselves, or somebody harmless when we are root.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Account {
    Ourselves,
    Other { user: u32, group: u32 },
}

impl Account {
    pub(crate) fn choose() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        // `postgres` comes with Debian's package; `nobody` is everywhere.
        for name in ["postgres", "nobody"] {
            if let (Some(user), Some(group)) = (id("-u", name)?, id("-g", name)?) {
                return Ok(Self::Other { user, group });
            }
        }
        Err(Error::NoAccount)
    }

    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { user, group } => std::os::unix::fs::chown(path, Some(user), Some(group))
                .map_err(Error::io(format!("give {} to user {user}", path.display()))),
        }
    }

    /// The child drops root's supplementary groups too; the standard library sees to that when it changes the user.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
    }
}

/// One number of an account, `None` when there is no such account. Asking `id` covers directories beyond `/etc/passwd`.
fn id(flag: &str, name: &str) -> Result<Option<u32>, Error> {
    let output = Command::new("id")
        .args([flag, name])
        .output()
        .map_err(Error::io("run id"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}
