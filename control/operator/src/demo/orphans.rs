//! Nothing the demonstration started outlives it: what a dead supervisor leaves behind becomes
//! this process's own child, and is ended here.

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};

/// Makes this process the heir of its children's children.
pub fn adopt() -> rustix::io::Result<()> {
    set_child_subreaper(Some(getpid()))
}

/// Ends every child there is.
pub fn end_all() {
    for pid in children() {
        end(pid);
    }
}

fn end(pid: Pid) {
    // One that has ended by itself only needs to be waited for.
    let _ = kill_process(pid, Signal::KILL);
    let _ = waitpid(Some(pid), WaitOptions::empty());
}

fn children() -> Vec<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            let pids = list
                .split_whitespace()
                .filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
            pids.collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_a_child_leaves_behind_is_adopted_and_ended() {
        adopt().unwrap();
        let shell = Command::new("/bin/sh")
            .args(["-c", "sleep 1000 >/dev/null 2>&1 & echo $!"])
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        let pid: i32 = String::from_utf8(shell.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let orphan = Pid::from_raw(pid).unwrap();
        assert!(children().contains(&orphan));
        end(orphan);
        assert!(!children().contains(&orphan));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
