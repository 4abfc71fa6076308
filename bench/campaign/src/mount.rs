//! Small file systems in memory, mounted for a part and gone with the value. It takes root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

use crate::children;

/// A mounted folder.
pub struct Mount(PathBuf);

impl Mount {
    /// An empty file system of so many megabytes; nothing where we may not mount.
    pub fn memory(folder: &Path, megabytes: u32) -> anyhow::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let size = format!("size={megabytes}m");
        let place = folder.display().to_string();
        Ok(mount(&["-t", "tmpfs", "-o", &size, "campaign", &place]).then(|| Self::noted(folder)))
    }

    /// A file mounted over itself, to be made read-only alone; nothing where we may not mount.
    pub fn over_itself(file: &Path) -> Option<Self> {
        let place = file.display().to_string();
        mount(&["--bind", &place, &place]).then(|| Self::noted(file))
    }

    fn noted(place: &Path) -> Self {
        children::note_mount(place.to_owned());
        Self(place.to_owned())
    }

    /// Lets nobody write any more, root neither.
    /// Fails where somebody writes at this moment.
    pub fn make_read_only(&self, options: &str) -> anyhow::Result<()> {
        let place = self.0.display().to_string();
        ensure!(
            mount(&["-o", options, &place]),
            "{place} cannot be made read-only"
        );
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        children::unmount(&self.0);
    }
}

fn mount(arguments: &[&str]) -> bool {
    let done = Command::new("mount").args(arguments).output();
    done.is_ok_and(|output| output.status.success())
}
