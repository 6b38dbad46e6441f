//! The processes: workers, files.

use std::collections::BTreeMap;

use super::Judge;
use crate::{Config, Idle, limits::SOCKET_PATH_BYTES_MAX, path::Path};

/// The longest name of a socket in the runtime directory.
const SOCKET_NAME: &str = "control.sock";

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    let dataplane = Path::root().key("dataplane");
    workers(config, &dataplane.key("workers"), judge);
    files(config, judge);
}

/// A core has one worker, and only a core of its own is polled on.
fn workers(config: &Config, path: &Path, judge: &mut Judge<'_>) {
    let mut first_on: BTreeMap<u16, usize> = BTreeMap::new();
    for (index, worker) in config.dataplane.workers.iter().enumerate() {
        let here = path.index(index).key("core");
        match worker.core {
            Some(core) => {
                if let Some(first) = first_on.get(&core) {
                    let message = format!("core {core} is taken by {}", path.index(*first));
                    let about = [&here, &path.index(*first).key("core")];
                    judge.error(&about, message, "a core of its own for each worker");
                }
                first_on.entry(core).or_insert(index);
            }
            None if config.dataplane.idle == Idle::Poll => {
                let message = "polls, but on no core of its own".to_owned();
                judge.warning(&here, message, "a core number, or `idle: adaptive`");
            }
            None => {}
        }
    }
}

fn files(config: &Config, judge: &mut Judge<'_>) {
    let path = Path::root().key("records").key("file");
    if config.records.file.as_os_str().is_empty() {
        judge.error(&[&path], "the file's name is empty".to_owned(), "a path");
    }
    let path = Path::root().key("journal").key("file");
    if config
        .journal
        .file
        .as_ref()
        .is_some_and(|file| file.as_os_str().is_empty())
    {
        judge.error(&[&path], "the file's name is empty".to_owned(), "a path");
    }
    let Some(directory) = &config.runtime_directory else {
        return;
    };
    let path = Path::root().key("runtime_directory");
    let bytes = directory.join(SOCKET_NAME).as_os_str().len() + 1;
    if !directory.is_absolute() {
        let message = format!("`{}` depends on the working directory", directory.display());
        judge.error(&[&path], message, "a path that starts with `/`");
    } else if bytes > SOCKET_PATH_BYTES_MAX {
        let most = SOCKET_PATH_BYTES_MAX - SOCKET_NAME.len() - 2;
        let message = format!(
            "{} bytes are too long for a socket's path",
            directory.as_os_str().len()
        );
        judge.error(&[&path], message, &format!("at most {most} bytes"));
    }
}
