//! What a message costs: reading, relaying, answering, beside a library that renders anew.
//! Counts allocations as well as time.

use divan::{AllocProfiler, Bencher, black_box};
use strait_control::h248::Message as H248Message;
use strait_control::mgcp;
use strait_control::sdp::Description;
use strait_control::sip::{Builder, Message, Splices, Status};

#[path = "messages/create.rs"]
mod create;
#[path = "messages/h248.rs"]
mod h248;
#[path = "messages/invite.rs"]
mod invite;

use create::CREATE;
use invite::INVITE;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Doing nothing: the bytes are copied.
#[divan::bench]
fn copy(bencher: Bencher) {
    let mut out = Vec::with_capacity(2 * INVITE.len());
    bencher.bench_local(|| {
        out.clear();
        out.extend_from_slice(black_box(INVITE));
    });
}

#[divan::bench]
fn parse() -> bool {
    Message::parse(black_box(INVITE)).is_ok()
}

#[divan::bench]
fn parse_and_check() -> bool {
    Message::parse(black_box(INVITE)).is_ok_and(|message| message.check().is_ok())
}

#[divan::bench]
fn parse_description(bencher: Bencher) {
    let message = Message::parse(INVITE).expect("it is well formed");
    let body = message.session_description().expect("it has one");
    bencher.bench_local(|| Description::parse(black_box(&body)).is_ok());
}

/// Parse message and description, render without edits: what rsip does below.
#[divan::bench]
fn parse_and_render(bencher: Bencher) {
    let mut out = Vec::with_capacity(INVITE.len());
    let mut edits = Splices::new();
    bencher.bench_local(|| {
        out.clear();
        let Ok(message) = Message::parse(black_box(INVITE)) else {
            return;
        };
        let body = message.session_description().expect("it has one");
        black_box(Description::parse_at(message.bytes(), body.span()).is_ok());
        message.render(&mut edits, &mut out);
    });
}

/// Parse, check, ten edits, render.
#[divan::bench]
fn relay(bencher: Bencher) {
    let mut edits = Splices::new();
    let mut out = Vec::with_capacity(2 * INVITE.len());
    bencher.bench_local(|| invite::relay(&mut edits, &mut out));
}

#[divan::bench]
fn answer(bencher: Bencher) {
    let mut out = Vec::with_capacity(INVITE.len());
    bencher.bench_local(|| {
        out.clear();
        let Ok(message) = Message::parse(black_box(INVITE)) else {
            return;
        };
        Builder::response(&mut out, &message, Status::TRYING, None).finish();
    });
}

/// rsip: parse and render, without edits.
#[divan::bench]
fn rsip_parse_and_render() -> String {
    let message = rsip::SipMessage::try_from(black_box(INVITE));
    message
        .map(|message| message.to_string())
        .unwrap_or_default()
}

/// MGCP: a CreateConnection with a description is read.
#[divan::bench]
fn mgcp_parse() -> bool {
    mgcp::messages(black_box(CREATE)).all(|message| message.is_ok())
}

/// MGCP: read, five edits, rendered.
#[divan::bench]
fn mgcp_relay(bencher: Bencher) {
    let mut edits = Splices::new();
    let mut out = Vec::with_capacity(2 * CREATE.len());
    bencher.bench_local(|| create::relay(&mut edits, &mut out));
}

#[divan::bench]
fn h248_text_parse() -> bool {
    H248Message::parse(black_box(h248::TEXT)).is_ok()
}

#[divan::bench]
fn h248_binary_parse(bencher: Bencher) {
    let bytes = h248::binary();
    bencher.bench_local(|| H248Message::parse(black_box(&bytes)).is_ok());
}

/// Parse, five edits, render.
#[divan::bench]
fn h248_text_relay(bencher: Bencher) {
    let mut out = Vec::with_capacity(2 * h248::TEXT.len());
    bencher.bench_local(|| h248::relay(black_box(h248::TEXT), &mut out));
}

/// Parse, five edits, render.
#[divan::bench]
fn h248_binary_relay(bencher: Bencher) {
    let bytes = h248::binary();
    let mut out = Vec::with_capacity(2 * bytes.len());
    bencher.bench_local(|| h248::relay(black_box(&bytes), &mut out));
}
