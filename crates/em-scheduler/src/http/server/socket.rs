//! A unix socket, for its owner and group alone. Its file is made elsewhere and moved into place, so that nobody meets
//! it with other permissions, and goes with the listener.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Knock;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::listener::{Listener, failed};

/// Owner and group may connect, which takes the right to write.
const MODE: u32 = 0o660;

/// A listening unix socket.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    file: File,
}

/// The file; removed with this, unless it is another one by then.
#[derive(Debug)]
struct File {
    path: PathBuf,
    node: (u64, u64),
}

impl Socket {
    /// Listens there. A socket that nobody serves any more, left by a process that was killed, is replaced.
    ///
    /// # Errors
    /// Somebody serves it, it is another kind of file, or it cannot be made.
    pub fn bind(path: &Path) -> io::Result<Self> {
        Self::is_free(path)?;
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        if fs::symlink_metadata(&new).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(&new)?;
        }
        let listener = UnixListener::bind(&new)?;
        let made = fs::set_permissions(&new, fs::Permissions::from_mode(MODE))
            .and_then(|()| fs::symlink_metadata(&new))
            .and_then(|found| fs::rename(&new, path).map(|()| found));
        let found = made.inspect_err(|_| {
            // The first failure is the one to tell.
            let _ = fs::remove_file(&new);
        })?;
        Ok(Self {
            listener,
            file: File {
                path: path.to_owned(),
                node: (found.dev(), found.ino()),
            },
        })
    }

    /// Looks whether one could listen there. Changes nothing.
    ///
    /// # Errors
    /// Another process serves it, or it is another kind of file.
    pub fn is_free(path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the file is there and no socket",
            )),
            Ok(_) if Knock::connect(path).is_ok() => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process serves it",
            )),
            _ => Ok(()),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Listener for Socket {
    type Stream = UnixStream;

    async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => failed(&error).await,
            }
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| (found.dev(), found.ino()) == self.node;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // A file that stays is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_live_one_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists() && Knock::connect(&path).is_err(), "stale");
        let first = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(Socket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        Knock::connect(first.path()).unwrap();

        // Replaced by somebody else meanwhile: theirs stays.
        fs::remove_file(&path).unwrap();
        let second = Socket::bind(&path).unwrap();
        drop(first);
        Knock::connect(&path).unwrap();
        drop(second);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        fs::write(&path, "precious").unwrap();
        assert_eq!(
            Socket::bind(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert!(Socket::bind(&folder.path().join("missing/api.sock")).is_err());
    }
}
