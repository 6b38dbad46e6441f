//! Whether a call was as the script wanted it: who ended it, and who heard whom.

use std::time::Duration;

use strait_parties::phone::{Call, EndReason};
use strait_parties::rtp::FRAME_TIME;

use super::crossing::Crossings;
use super::report::{CallReport, Latency, StreamReport};
use super::script::{Plot, Scene};
use super::stage::Stage;

/// Share of the packets sent that must be heard. What is missing at most is what arrives before the
/// other side's first packet has shown Strait where its NAT is.
const HEARD_SHARE: f64 = 0.9;
/// Share of the talk that must have been sent at all: a third may be hold.
const SENT_SHARE: f64 = 0.6;

/// What became of one call.
pub fn judge(
    scene: &Scene,
    number: usize,
    stage: &Stage,
    crossings: &Crossings,
    talk: Duration,
) -> CallReport {
    let (caller, callee) = (scene.call(stage, false), scene.call(stage, true));
    let streams: Vec<StreamReport> = match (caller, callee) {
        (Some(caller), Some(callee)) if scene.plot != Plot::Cancel => vec![
            stream(
                scene.caller.name(),
                scene.callee.name(),
                caller,
                callee,
                crossings,
            ),
            stream(
                scene.callee.name(),
                scene.caller.name(),
                callee,
                caller,
                crossings,
            ),
        ],
        _ => Vec::new(),
    };
    let failure = ending(scene, caller, callee)
        .or_else(|| streams.iter().find_map(|stream| unheard(stream, talk)))
        .map(|reason| {
            let (from, to) = (scene.caller.name(), scene.callee.name());
            format!("call {number}, {from} to {to}: {reason}")
        });
    CallReport {
        number,
        caller: scene.caller,
        callee: scene.callee,
        plot: scene.plot,
        call_id: caller
            .map(|call| call.call_id().to_owned())
            .unwrap_or_default(),
        ended: why(scene, caller),
        failure,
        streams,
    }
}

/// What is wrong with how a call ended, if something is.
fn ending(scene: &Scene, caller: Option<&Call>, callee: Option<&Call>) -> Option<String> {
    let reasons = [caller, callee].map(|call| call.and_then(Call::end_reason));
    let expected = match (scene.plot, scene.callee_hangs_up) {
        (Plot::Cancel, _) => [EndReason::Cancelled, EndReason::Cancelled],
        (_, false) => [EndReason::HungUp, EndReason::RemoteHungUp],
        (_, true) => [EndReason::RemoteHungUp, EndReason::HungUp],
    };
    if callee.is_none() {
        let (callee, why) = (scene.callee.name(), why(scene, caller));
        return Some(format!("it never reached {callee}: {why}"));
    }
    (reasons != expected.map(Some)).then(|| {
        let [caller, callee] = reasons
            .map(|reason| reason.map_or("never ended".to_owned(), |reason| format!("{reason:?}")));
        format!("it ended otherwise than planned: caller {caller}, callee {callee}")
    })
}

/// Why one side was not heard, if it was not.
fn unheard(stream: &StreamReport, talk: Duration) -> Option<String> {
    let nominal = talk.as_secs_f64() / FRAME_TIME.as_secs_f64();
    let (mouth, ear) = (&stream.from, &stream.to);
    if (stream.sent as f64) < nominal * SENT_SHARE {
        return Some(format!("{mouth} sent only {} packets", stream.sent));
    }
    if (stream.heard as f64) < stream.sent as f64 * HEARD_SHARE {
        let (heard, sent) = (stream.heard, stream.sent);
        return Some(format!(
            "{ear} heard {heard} of {sent} packets from {mouth}"
        ));
    }
    let spoilt = [
        (stream.altered, "packets arrived altered"),
        (stream.foreign, "packets came from someone else"),
        (
            stream.unsignalled,
            "packets came from another address than Strait's",
        ),
    ];
    let (count, what) = spoilt.into_iter().find(|(count, _)| *count > 0)?;
    Some(format!("{mouth} to {ear}: {count} {what}"))
}

fn stream(from: &str, to: &str, mouth: &Call, ear: &Call, crossings: &Crossings) -> StreamReport {
    let heard = ear.stream().heard();
    let crossing = crossings.of(mouth.stream().ssrc());
    let (entered, left) = crossing.map_or((0, 0), |crossing| (crossing.entered, crossing.left));
    StreamReport {
        from: from.to_owned(),
        to: to.to_owned(),
        ssrc: mouth.stream().ssrc().0,
        sent: u64::from(mouth.stream().sent().packets),
        into_strait: entered,
        out_of_strait: left,
        not_relayed: entered.saturating_sub(left),
        heard: heard.received,
        lost: heard.lost,
        late: heard.late,
        duplicates: heard.duplicates,
        altered: heard.altered,
        foreign: heard.foreign,
        unsignalled: heard.unsignalled,
        jitter_us: u64::try_from(heard.jitter.as_micros()).unwrap_or(u64::MAX),
        longest_gap_ms: u64::try_from(heard.longest_gap.as_millis()).unwrap_or(u64::MAX),
        rtcp_reports: ear.stream().rtcp().received,
        latency: crossing
            .map(|crossing| Latency::of(&crossing.latency_ns))
            .unwrap_or_default(),
    }
}

/// Why the call ended, as the caller has it.
fn why(scene: &Scene, caller: Option<&Call>) -> String {
    let Some(reason) = caller.and_then(Call::end_reason) else {
        return "never ended".to_owned();
    };
    match reason {
        EndReason::HungUp => format!("{} hung up", scene.caller.name()),
        EndReason::RemoteHungUp => format!("{} hung up", scene.callee.name()),
        EndReason::Cancelled => "cancelled while it rang".to_owned(),
        EndReason::Rejected(status) => format!("rejected with {status}"),
        EndReason::NoResponse => "nothing was answered".to_owned(),
        EndReason::NoCommonMedia => "nothing to talk in in common".to_owned(),
        EndReason::Expired => "nobody refreshed the session".to_owned(),
    }
}
