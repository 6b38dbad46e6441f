//! One demonstration from start to end: start Strait, register, call, stop, judge.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;
use strait_control::admin::model::Call;
use strait_parties::rtp::voice::Voices;
use strait_shared::time::Instant;

use super::capture::Capture;
use super::leaks::Leaks;
use super::place::Place;
use super::report::{Files, Latency, Person, Report};
use super::script::Script;
use super::stage::{Stage, Who};
use super::strait::{Sample, Strait};
use super::view::View;
use super::wire::Wire;
use super::{Arguments, failed, interrupted, verdict};
use crate::exit::{Exit, Failure};

/// How long registering may take.
const REGISTER_WITHIN: Duration = Duration::from_secs(10);
/// How long after the last call packets are still listened to.
const AFTERMATH: Duration = Duration::from_millis(500);
/// The longest the loop sleeps: signals and Strait's end are noticed after that.
const NAP: Duration = Duration::from_millis(20);

/// Everything that runs.
struct Demonstration<'a> {
    place: Place,
    stage: Stage,
    wire: Wire,
    strait: Strait,
    view: View,
    stop: &'a AtomicBool,
    sample: Option<Sample>,
    /// What Strait said last of each of its calls.
    seen: BTreeMap<u64, Call>,
}

/// Runs it. What goes wrong with a call is in the report; what keeps it from running is an error.
pub fn run(
    arguments: &Arguments,
    output: &Path,
    voices: Voices,
    stop: &AtomicBool,
) -> Result<Report, Failure> {
    let place = Place::find()?;
    let runtime = tempfile::Builder::new()
        .prefix("strait-demo-")
        .tempdir()
        .map_err(|error| failed("cannot make a runtime directory", &error))?;
    let files = files(output);
    let configuration = place.configuration(runtime.path());
    let broken = |error: io::Error| failed("cannot prepare the demonstration", &error);
    std::fs::write(&files.configuration, configuration).map_err(broken)?;
    remove_old_records(&files.records).map_err(broken)?;
    let seed = Instant::now().as_nanos();
    // One more than talk, for the cancelled call, and one for good measure.
    let calls = arguments.calls + 2;
    let stage = Stage::new(Instant::now(), &place, &voices, calls, seed);
    let private = [Who::Alice, Who::Bob].map(|who| stage.own_address(who));
    let capture = Capture::create(&files.capture).map_err(broken)?;
    let mut wire = Wire::new(capture, Leaks::new(&place, private)).map_err(broken)?;
    for address in stage.listening() {
        wire.bind(address).map_err(broken)?;
    }
    let view = View::new(usize::from(arguments.calls) + 1);
    view.say("starting Strait");
    let mut strait = Strait::start(&files.configuration, runtime.path(), output)?;
    strait.wait_ready(|| interrupted(stop))?;

    let mut demonstration = Demonstration {
        place,
        stage,
        wire,
        strait,
        view,
        stop,
        sample: None,
        seen: BTreeMap::new(),
    };
    let script = demonstration.perform(arguments)?;
    let ended = demonstration.strait.stop();
    let mut report = demonstration.report(&script, arguments, &voices, files);
    if let (None, Err(failure)) = (&report.failure, ended) {
        report.failure = Some(failure.message);
    }
    Ok(report)
}

impl Demonstration<'_> {
    fn perform(&mut self, arguments: &Arguments) -> Result<Script, Failure> {
        self.view.say("registering");
        for who in Who::ALL {
            self.stage.act(who, |phone, now| phone.register(now));
        }
        let deadline = Instant::now() + REGISTER_WITHIN;
        while self.stage.registered() < Who::ALL.len() && Instant::now() < deadline {
            self.turn(None)?;
        }
        if let Some(who) = Who::ALL.into_iter().find(|who| !self.is_registered(*who)) {
            let name = who.name();
            return Err(Failure::new(
                Exit::Failed,
                format!("demo: {name} could not register"),
            ));
        }
        let talk = Duration::from_secs(arguments.seconds);
        let mut script = Script::new(Instant::now(), arguments.calls, talk);
        while !script.is_over() && Instant::now() < script.deadline() {
            script.advance(&mut self.stage, Instant::now());
            self.turn(Some(&script))?;
        }
        let quiet = Instant::now() + AFTERMATH;
        while Instant::now() < quiet {
            self.turn(Some(&script))?;
        }
        Ok(script)
    }

    fn is_registered(&self, who: Who) -> bool {
        self.stage.phone(who).registered_until().is_some()
    }

    /// One turn of the loop: send what is due, wait, take what has come, show.
    fn turn(&mut self, script: Option<&Script>) -> Result<(), Failure> {
        if interrupted(self.stop) {
            return Err(Failure::new(Exit::Failed, "demo: interrupted"));
        }
        self.strait.check_alive()?;
        self.exchange()
            .map_err(|error| failed("the sockets failed", &error))?;
        if let Some(sample) = self.strait.sample() {
            for call in &sample.calls {
                self.seen.insert(call.number, call.clone());
            }
            self.sample = Some(sample);
        }
        let now = Instant::now();
        self.view.show(
            now,
            &self.stage,
            script,
            self.wire.crossings(),
            self.sample.as_ref(),
        );
        Ok(())
    }

    fn exchange(&mut self) -> io::Result<()> {
        self.stage.world.run_until(Instant::now());
        self.send_out()?;
        let now = Instant::now();
        let next = self.stage.world.next_timeout().unwrap_or(Instant::MAX);
        let wait = next.min(self.view.next()).since(now).min(NAP);
        for socket in self.wire.wait(wait)? {
            for (at, datagram) in self.wire.receive(socket)? {
                self.stage.world.inject(at, datagram);
            }
        }
        self.send_out()
    }

    fn send_out(&mut self) -> io::Result<()> {
        while let Some(datagram) = self.stage.world.poll_outside() {
            self.wire.send(&self.place, &datagram)?;
        }
        Ok(())
    }

    fn report(
        &self,
        script: &Script,
        arguments: &Arguments,
        voices: &Voices,
        files: Files,
    ) -> Report {
        let talk = Duration::from_secs(arguments.seconds);
        let crossings = self.wire.crossings();
        let calls: Vec<_> = script
            .scenes
            .iter()
            .zip(1..)
            .map(|(scene, number)| verdict::judge(scene, number, &self.stage, crossings, talk))
            .collect();
        let records = records(&files.records);
        let failure = calls
            .iter()
            .find_map(|call| call.failure.clone())
            .or_else(|| self.wire.leaks().first().cloned())
            .or_else(|| {
                records
                    .is_empty()
                    .then(|| "Strait wrote no record of any call".to_owned())
            });
        let people = Who::ALL.map(|who| Person {
            name: who,
            whereabouts: who.whereabouts(),
            own_address: self.stage.own_address(who).to_string(),
            voice: voices
                .get(who.name())
                .map(|voice| voice.name.to_string())
                .unwrap_or_default(),
        });
        Report {
            failure,
            people: people.into(),
            calls,
            latency: Latency::of(&crossings.all_latencies_ns()),
            seen_by_strait: self.seen.values().cloned().collect(),
            records,
            files,
            leaks: self.wire.leaks().to_vec(),
            captured: self.wire.captured(),
            unsent: self.wire.unsent(),
        }
    }
}

fn files(output: &Path) -> Files {
    Files {
        capture: output.join("demo.pcap"),
        records: output.join("calls.jsonl"),
        configuration: output.join("demo.yaml"),
        log: output.join("strait.log"),
        report: output.join("report.json"),
    }
}

/// Records are appended to: those of an earlier demonstration in the same directory go.
fn remove_old_records(records: &Path) -> io::Result<()> {
    match std::fs::remove_file(records) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
