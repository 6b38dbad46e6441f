//! Strait itself in a scenario: configuration, start, records, end.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::namespace::Namespace;
use crate::port::Port;
use crate::program::{Program, wait_until};
use crate::topology::Topology;

/// A running `strait run` with its two processes.
pub struct Strait {
    supervisor: Program,
    configuration: PathBuf,
    records: PathBuf,
}

impl Strait {
    /// Starts it in the topology's Strait host with this configuration; waits until it is ready.
    ///
    /// `{directory}` in the text stands for the scenario's directory.
    pub fn start(topology: &Topology, configuration: &str) -> Strait {
        Strait::start_in(&topology.strait, topology.directory(), configuration)
    }

    /// Starts it in a host with its files in `directory`; waits until it is ready.
    pub fn start_in(host: &Namespace, directory: &Path, configuration: &str) -> Strait {
        let configuration = configuration.replace("{directory}", &directory.to_string_lossy());
        let file = directory.join("strait.yaml");
        std::fs::write(&file, configuration).expect("the scenario's directory is writable");
        let mut command = host.command(&binary("strait").to_string_lossy());
        command.args(["run", "-c"]).arg(&file);
        let mut supervisor = host.start("strait", command, directory);
        supervisor.wait_for_output("ready", Duration::from_secs(20));
        let strait = Strait {
            supervisor,
            configuration: file,
            records: directory.join("calls.jsonl"),
        };
        let up = wait_until(Duration::from_secs(20), || {
            strait.query(&["status"]).is_ok()
        });
        assert!(
            up,
            "strait does not answer:\n{}",
            strait.supervisor.output()
        );
        strait
    }

    /// What `strait <arguments> --json` says.
    pub fn query(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = Command::new(binary("strait"))
            .args(arguments)
            .arg("-c")
            .arg(&self.configuration)
            .arg("--json")
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    /// Waits until `count` calls have records and returns them.
    pub fn records(&self, count: usize) -> Vec<Value> {
        let read = || -> Vec<Value> {
            let text = std::fs::read_to_string(&self.records).unwrap_or_default();
            text.lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()
        };
        wait_until(Duration::from_secs(20), || read().len() >= count);
        let records = read();
        assert_eq!(
            records.len(),
            count,
            "records: {records:#?}\n{}",
            self.supervisor.output()
        );
        records
    }

    /// Waits until no call, transaction or slot is left.
    pub fn assert_idle(&self) {
        let idle = wait_until(Duration::from_secs(20), || {
            self.query(&["status"])
                .is_ok_and(|status| status["calls"] == 0)
        });
        assert!(idle, "calls are left: {:?}", self.query(&["calls", "list"]));
    }

    /// Kills one of its two processes outright, and waits until another one is there and Strait
    /// answers.
    pub fn kill(&self, program: &str) {
        let pid = self.process(program).expect("it runs");
        let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        let back = wait_until(Duration::from_secs(20), || {
            let other = self.process(program).is_some_and(|other| other != pid);
            other && self.query(&["status"]).is_ok()
        });
        assert!(back, "{program} did not come back:\n{}", self.output());
    }

    /// The number of one of its two processes.
    fn process(&self, program: &str) -> Option<u32> {
        let configuration = self.configuration.to_string_lossy().into_owned();
        let entries = std::fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(|pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut words = line.split('\0');
            words.next().is_some_and(|first| first.ends_with(program))
                && words.any(|word| word == configuration)
        })
    }

    /// What it printed so far.
    pub fn output(&self) -> String {
        self.supervisor.output()
    }

    /// Ends it and asserts that it ended cleanly.
    pub fn stop(self) {
        self.supervisor.signal("TERM");
        self.supervisor.succeed(Duration::from_secs(30));
    }
}

/// A configuration of the topology's network: access with NATed phones, core with softswitches.
pub struct Configuration {
    /// YAML lines for `softswitches:`.
    pub softswitches: Vec<String>,
    /// Latch policy of the access realm.
    pub latch: &'static str,
    /// The relay's ports on every address.
    pub ports: &'static str,
    /// Further YAML lines of the access realm.
    pub access: Vec<String>,
    /// Further YAML lines of the core realm.
    pub core: Vec<String>,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration {
            softswitches: vec![softswitch("core-1", crate::topology::SOFTSWITCH, "udp")],
            latch: "restricted",
            ports: "20000-20199",
            access: Vec::new(),
            core: Vec::new(),
        }
    }
}

/// A softswitch's YAML line.
pub fn softswitch(name: &str, address: &str, transport: &str) -> String {
    let bracketed = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    };
    format!(
        "{{ name: {name}, realm: core, address: \"{bracketed}:5060\", transport: {transport}, \
         probe: 2s, failover_after: 2s }}"
    )
}

impl Configuration {
    /// The YAML.
    pub fn text(&self) -> String {
        use crate::topology::{ACCESS, ACCESS_V6, CORE, CORE_V6};
        let names: Vec<&str> = self
            .softswitches
            .iter()
            .map(|line| {
                line.split(['{', ':', ','])
                    .nth(2)
                    .unwrap_or_default()
                    .trim()
            })
            .collect();
        let indent = |lines: &[String]| -> String {
            lines.iter().map(|line| format!("    {line}\n")).collect()
        };
        let listeners = |v4: &str, v6: &str| -> String {
            [("udp", v4), ("tcp", v4), ("udp", v6), ("tcp", v6)]
                .iter()
                .map(|(transport, address)| {
                    format!(
                        "      - {{ transport: {transport}, address: \"{address}\", port: 5060 }}\n"
                    )
                })
                .collect()
        };
        let port = Port::chosen();
        let media = |v4: &str, v6: &str, interface: &str| -> String {
            let (ports, nic) = (self.ports, port.nic(interface));
            [v4, v6]
                .iter()
                .map(|address| {
                    format!("      - {{ address: \"{address}\", ports: {ports}, nic: {nic} }}\n")
                })
                .collect()
        };
        let mut switches: String = self
            .softswitches
            .iter()
            .map(|line| format!("  - {line}\n"))
            .collect();
        if switches.is_empty() {
            switches = "  []\n".to_owned();
        }
        format!(
            "runtime_directory: {{directory}}/run\n\
             realms:\n  - name: access\n    nat: true\n    latch: {}\n    forward_to: [{}]\n    \
             signalling:\n{}    media:\n{}{}\
             \n  - name: core\n    nat: false\n    latch: restricted\n    \
             signalling:\n{}    media:\n{}{}\
             softswitches:\n{switches}\
             dataplane: {{ nics: {}{} }}\n\
             records: {{ file: \"{{directory}}/calls.jsonl\" }}\n\
             log: {{ level: debug }}\n\
             drain_timeout: 2s\n",
            self.latch,
            names.join(", "),
            listeners(ACCESS, ACCESS_V6),
            media(ACCESS, ACCESS_V6, "access"),
            indent(&self.access),
            listeners(CORE, CORE_V6),
            media(CORE, CORE_V6, "core"),
            indent(&self.core),
            port.nics(&["access", "core"]),
            port.settings(),
        )
    }
}

/// One of Strait's programs: `STRAIT_BIN_DIR`, else beside this test's own executable.
pub fn binary(name: &str) -> PathBuf {
    let directory = std::env::var_os("STRAIT_BIN_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let test = std::env::current_exe().expect("a process knows its executable");
            test.parent()
                .and_then(|deps| deps.parent())
                .expect("target/<profile>/deps")
                .to_owned()
        });
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is not built; cargo build --workspace --bins",
        path.display()
    );
    path
}
