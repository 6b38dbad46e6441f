//! What a call costs on the wire: SIPp calls through Strait, through Kamailio as a stateful proxy,
//! and through Kamailio with rtpengine, one after the other, over and over, on one machine.
//!
//! `cargo bench -p strait-tests --bench signalling [-- --rounds N --rate CALLS --seconds S]`
//!
//! A call is INVITE, 180, 200, ACK, a tenth of a second, BYE, 200, over UDP, with media ports
//! opened and closed where the candidate relays media. Its cost is the processor time of all the
//! candidate's processes (`schedstat`) divided by the calls that succeeded.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use strait_tests::program::{Program, wait_until};
use strait_tests::requirements::installed;
use strait_tests::sipp::scenario_file;
use strait_tests::strait::binary;

/// Where callers send to, and where every candidate sends on to.
const CANDIDATE: &str = "127.0.0.1:5060";
const CALLEE: &str = "127.0.0.1:5080";

/// How much is measured.
struct Load {
    rounds: usize,
    calls_per_second: u32,
    seconds: u32,
}

/// What stands between the two SIPps.
#[derive(Clone, Copy, PartialEq)]
enum Candidate {
    Strait,
    Kamailio,
    KamailioWithRtpengine,
}

impl Candidate {
    fn name(self) -> &'static str {
        match self {
            Candidate::Strait => "Strait, media included",
            Candidate::Kamailio => "Kamailio, no media",
            Candidate::KamailioWithRtpengine => "Kamailio and rtpengine",
        }
    }

    fn missing(self) -> Option<&'static str> {
        let needed: &[&'static str] = match self {
            Candidate::Strait => &["sipp"],
            Candidate::Kamailio => &["sipp", "kamailio"],
            Candidate::KamailioWithRtpengine => &["sipp", "kamailio", "rtpengine"],
        };
        needed.iter().copied().find(|program| !installed(program))
    }

    fn start(self, directory: &Path) -> Vec<Program> {
        match self {
            Candidate::Strait => vec![strait(directory)],
            Candidate::Kamailio => vec![kamailio(directory, false)],
            Candidate::KamailioWithRtpengine => {
                vec![rtpengine(directory), kamailio(directory, true)]
            }
        }
    }
}

fn main() {
    let load = Load {
        rounds: argument("--rounds").unwrap_or(5),
        calls_per_second: argument("--rate").unwrap_or(400),
        seconds: argument("--seconds").unwrap_or(5),
    };
    let all = [
        Candidate::Strait,
        Candidate::Kamailio,
        Candidate::KamailioWithRtpengine,
    ];
    let (mut candidates, mut costs) = (Vec::new(), Vec::new());
    for candidate in all {
        match candidate.missing() {
            Some(program) => println!("{}: left out, no {program}", candidate.name()),
            None => candidates.push(candidate),
        }
    }
    costs.resize(candidates.len(), Vec::new());
    for round in 1..=load.rounds {
        for (candidate, costs) in candidates.iter().zip(&mut costs) {
            let us = measure(*candidate, &load);
            println!("round {round}  {:24} {us:6.0} µs a call", candidate.name());
            costs.push(us);
        }
    }
    report(&candidates, &mut costs);
}

/// Medians, drawn, and what they are to Strait's.
fn report(candidates: &[Candidate], costs: &mut [Vec<f64>]) {
    let medians: Vec<f64> = costs.iter_mut().map(|costs| median(costs)).collect();
    let most = medians.iter().copied().fold(1.0, f64::max);
    let ours = candidates
        .iter()
        .position(|candidate| *candidate == Candidate::Strait);
    println!("\nprocessor time of a call, median of the rounds");
    for (candidate, us) in candidates.iter().zip(&medians) {
        let bar = "█".repeat((us / most * 40.0).round() as usize);
        let ratio = ours.map_or(1.0, |ours| medians[ours] / us);
        println!(
            "{:24} {us:6.0} µs  {bar:40}  Strait takes {ratio:.2} of it",
            candidate.name()
        );
    }
}

/// Microseconds of processor time a call takes.
fn measure(candidate: Candidate, load: &Load) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = directory.path();
    let callee = sipp(directory, "bench-answer", CALLEE, CALLEE, &[]);
    let programs = candidate.start(directory);
    let cost = |programs: &[Program]| -> u64 {
        programs
            .iter()
            .map(|program| processor_ns(program.pid()))
            .sum()
    };
    sleep(Duration::from_millis(500));
    let before = cost(&programs);
    let calls = (load.calls_per_second * load.seconds).to_string();
    let rate = load.calls_per_second.to_string();
    let arguments = [
        "-m",
        &calls,
        "-r",
        &rate,
        "-timeout",
        "60",
        "-timeout_error",
    ];
    let caller = sipp(
        directory,
        "bench-call",
        "127.0.0.1:5090",
        CANDIDATE,
        &arguments,
    );
    caller.succeed(Duration::from_secs(90));
    let used = cost(&programs) - before;
    drop(programs);
    drop(callee);
    used as f64 / 1_000.0 / f64::from(load.calls_per_second * load.seconds)
}

fn sipp(directory: &Path, scenario: &str, own: &str, to: &str, arguments: &[&str]) -> Program {
    let (address, port) = own.split_once(':').expect("address:port");
    let mut command = Command::new("sipp");
    command.arg(to).arg("-sf").arg(scenario_file(scenario));
    command.args(["-i", address, "-p", port, "-mi", address, "-nostdin"]);
    command.args([
        "-s",
        "bob",
        "-key",
        "user",
        "alice",
        "-key",
        "domain",
        "example.test",
    ]);
    // Processes of a proxy that has several may overtake each other.
    command.args(["-default_behaviors", "all,-abortunexp"]);
    command.args(arguments).current_dir(directory);
    Program::start(scenario, command, directory)
}

fn strait(directory: &Path) -> Program {
    let file = directory.join("strait.yaml");
    let text = format!(
        "runtime_directory: {0}/run\n\
         realms:\n\
         - name: access\n  nat: true\n  forward_to: [callee]\n  port_quarantine: 1s\n  \
           signalling: [{{ transport: udp, address: 127.0.0.1, port: 5060 }}]\n  \
           media: [{{ address: 127.0.0.1, ports: 20000-23999 }}]\n\
         - name: core\n  port_quarantine: 1s\n  \
           signalling: [{{ transport: udp, address: 127.0.0.1, port: 5070 }}]\n  \
           media: [{{ address: 127.0.0.1, ports: 24000-27999 }}]\n\
         softswitches:\n- {{ name: callee, realm: core, address: \"{CALLEE}\", probe: null }}\n\
         limits: {{ calls: 5000, calls_per_second: 10000 }}\n\
         records: {{ file: {0}/calls.jsonl }}\n\
         drain_timeout: 0s\n",
        directory.display()
    );
    std::fs::write(&file, text).expect("the directory is writable");
    let mut command = Command::new(binary("strait"));
    command.arg("run").arg("-c").arg(file);
    let mut strait = Program::start("strait", command, directory);
    strait.wait_for_output("control ready", Duration::from_secs(20));
    strait
}

fn kamailio(directory: &Path, with_rtpengine: bool) -> Program {
    let mut file = scenario_file("bench-kamailio");
    file.set_extension("cfg");
    let mut command = Command::new("kamailio");
    command
        .arg("-f")
        .arg(file)
        .args(["-DD", "-E", "-m", "512", "-M", "16", "-n", "1"]);
    command.arg("-Y").arg(directory);
    command.args(["-A", &format!("LISTEN=udp:{CANDIDATE}")]);
    command.args(["-A", &format!("NEXT_HOP=\"sip:{CALLEE}\"")]);
    if with_rtpengine {
        command.args(["-A", "WITH_RTPENGINE"]);
    }
    let mut kamailio = Program::start("kamailio", command, directory);
    kamailio.wait_for_output("proxy ready", Duration::from_secs(20));
    kamailio
}

fn rtpengine(directory: &Path) -> Program {
    let mut command = Command::new("rtpengine");
    command.args([
        "--config-file=none",
        "--table=-1",
        "--foreground",
        "--log-stderr",
    ]);
    command.args([
        "--log-level=2",
        "--interface=127.0.0.1",
        "--listen-ng=127.0.0.1:2223",
    ]);
    command.args([
        "--port-min=20000",
        "--port-max=40000",
        "--num-threads=1",
        "--delete-delay=0",
    ]);
    let program = Program::start("rtpengine", command, directory);
    // It prints nothing when it is ready; its control port is then taken.
    let taken = || std::net::UdpSocket::bind("127.0.0.1:2223").is_err();
    assert!(
        wait_until(Duration::from_secs(10), taken),
        "{}",
        program.output()
    );
    program
}

/// Processor time of a process, its threads and everything it started, in nanoseconds.
fn processor_ns(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    let mut ns = 0;
    for task in tasks.flatten().flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file));
        let schedule = read("schedstat").unwrap_or_default();
        ns += schedule
            .split(' ')
            .next()
            .and_then(|ns| ns.parse().ok())
            .unwrap_or(0);
        let children = read("children").unwrap_or_default();
        ns += children
            .split_whitespace()
            .filter_map(|child| child.parse().ok())
            .map(processor_ns)
            .sum::<u64>();
    }
    ns
}

fn median(costs: &mut [f64]) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

fn argument<T: std::str::FromStr>(name: &str) -> Option<T> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)?.parse().ok()
}
