//! Where the sockets of a running instance lie.

use std::path::{Path, PathBuf};

use crate::Config;

impl Config {
    /// The directory of `control.sock` and `region.sock`, an absolute or working-directory path.
    pub fn runtime_directory(&self) -> PathBuf {
        let xdg = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let uid = rustix::process::geteuid().as_raw();
        self.runtime_directory
            .clone()
            .unwrap_or_else(|| default_directory(self.instance.as_str(), uid, xdg.as_deref()))
    }

    /// The journal's file; nothing where none is kept.
    pub fn journal_file(&self) -> Option<PathBuf> {
        if !self.journal.enabled {
            return None;
        }
        let state = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
        let is_root = rustix::process::geteuid().is_root();
        let directory = match (state, &self.runtime_directory) {
            (Some(state), _) if state.is_absolute() => state,
            (_, None) if is_root => PathBuf::from("/var/lib/strait"),
            _ => self.runtime_directory(),
        };
        let default = || directory.join(format!("{}.journal", self.instance));
        Some(self.journal.file.clone().unwrap_or_else(default))
    }
}

/// `/run/strait` for root, else `$XDG_RUNTIME_DIR/strait`, else `/tmp/strait-<uid>`; an instance
/// of another name gets a directory of that name below it.
pub fn default_directory(instance: &str, uid: u32, xdg: Option<&Path>) -> PathBuf {
    let base = match (uid, xdg.filter(|path| path.is_absolute())) {
        (0, _) => PathBuf::from("/run/strait"),
        (_, Some(xdg)) => xdg.join("strait"),
        (_, None) => PathBuf::from(format!("/tmp/strait-{uid}")),
    };
    if instance == "strait" {
        base
    } else {
        base.join(instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_then_session_then_tmp() {
        let xdg = Some(Path::new("/run/user/7"));
        assert_eq!(
            default_directory("strait", 0, xdg),
            Path::new("/run/strait")
        );
        assert_eq!(
            default_directory("strait", 7, xdg),
            Path::new("/run/user/7/strait")
        );
        assert_eq!(
            default_directory("strait", 7, None),
            Path::new("/tmp/strait-7")
        );
        let relative = Some(Path::new("run"));
        assert_eq!(
            default_directory("strait", 7, relative),
            Path::new("/tmp/strait-7")
        );
        assert_eq!(
            default_directory("lab", 0, None),
            Path::new("/run/strait/lab")
        );
    }
}
