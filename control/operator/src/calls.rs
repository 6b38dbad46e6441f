//! `strait calls`: list, show, end.

use hyper::Method;
use strait_control::admin::model::{Call, CallState, Side, Stream};

use crate::{
    access::{Access, converse},
    arguments::{Calls, CallsCommand},
    exit::Failure,
    print,
};

/// Lists, shows or ends calls.
pub fn calls(arguments: &Calls) -> Result<(), Failure> {
    match &arguments.command {
        CallsCommand::List(instance) => {
            let access = Access::new(instance)?;
            let calls: Vec<Call> = converse(checked(&access, access.get("/calls")))?;
            if instance.json {
                print::json(&calls)
            } else {
                print::lines(&list(&calls))
            }
        }
        CallsCommand::Show { number, instance } => {
            let access = Access::new(instance)?;
            let path = format!("/calls/{number}");
            let call: Call = converse(checked(&access, access.get(&path)))?;
            if instance.json {
                print::json(&call)
            } else {
                print::lines(&show(&call))
            }
        }
        CallsCommand::End { number, instance } => {
            let access = Access::new(instance)?;
            let path = format!("/calls/{number}");
            converse(checked(&access, access.order(Method::DELETE, &path)))?;
            if instance.json {
                print::json(&serde_json::json!({ "number": number, "state": "ending" }))
            } else {
                print::lines(&format!("call {number} is being ended"))
            }
        }
    }
}

/// Does `what` once it is clear that the right instance answers.
pub async fn checked<T>(
    access: &Access,
    what: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    access.status().await?;
    what.await
}

/// One line a call.
pub fn list(calls: &[Call]) -> String {
    if calls.is_empty() {
        return "no calls".to_owned();
    }
    let rows: Vec<_> = calls.iter().map(row).collect();
    print::table(&HEAD, &rows)
}

/// The columns of [`row`].
pub const HEAD: [&str; 7] = ["number", "state", "time", "from", "to", "packets", "lost"];

/// A call in one line.
pub fn row(call: &Call) -> Vec<String> {
    let packets: u64 = call.streams.iter().map(|stream| stream.packets).sum();
    let lost: u64 = call.streams.iter().map(|stream| stream.lost).sum();
    vec![
        call.number.to_string(),
        state(call.state).to_owned(),
        print::clock(call.duration_ms),
        print::plain(&call.from),
        print::plain(&call.to),
        packets.to_string(),
        lost.to_string(),
    ]
}

fn state(state: CallState) -> &'static str {
    match state {
        CallState::Ringing => "ringing",
        CallState::Answered => "answered",
        CallState::Ending => "ending",
    }
}

fn show(call: &Call) -> String {
    let (caller, callee) = (
        print::plain(&call.caller_realm),
        print::plain(&call.callee_realm),
    );
    let mut lines = vec![
        format!(
            "call     {}, {}, {}",
            call.number,
            state(call.state),
            print::clock(call.duration_ms)
        ),
        format!("from     {} in {caller}", print::plain(&call.from)),
        format!("to       {} in {callee}", print::plain(&call.to)),
        format!("call-id  {}", print::plain(&call.call_id)),
    ];
    if !call.streams.is_empty() {
        let rows: Vec<_> = call.streams.iter().map(stream_row).collect();
        lines.push(String::new());
        lines.push(print::table(&STREAM_HEAD, &rows));
    }
    lines.join("\n")
}

const STREAM_HEAD: [&str; 11] = [
    "media",
    "from",
    "codec",
    "local",
    "signalled",
    "latched",
    "packets",
    "lost",
    "jitter",
    "refused",
    "policed",
];

fn stream_row(stream: &Stream) -> Vec<String> {
    let address = |at: Option<std::net::SocketAddr>| at.map_or("-".to_owned(), |at| at.to_string());
    vec![
        format!("{} {}", stream.line, print::plain(&stream.media)),
        match stream.side {
            Side::Caller => "caller".to_owned(),
            Side::Callee => "callee".to_owned(),
        },
        stream.codec.as_deref().map_or("-".to_owned(), print::plain),
        address(stream.local),
        address(stream.signalled),
        address(stream.latched),
        stream.packets.to_string(),
        stream.lost.to_string(),
        format!("{:.1} ms", stream.jitter_ms),
        stream.refused.to_string(),
        stream.policed.to_string(),
    ]
}
