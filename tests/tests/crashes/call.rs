//! One call as its phone and the softswitch know it.

use std::net::SocketAddr;
use std::time::Instant;

use crate::sip::header;

/// What becomes of a call that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// It is answered.
    Answer,
    /// It is answered, and to be refreshed within so many seconds (RFC 4028).
    Refreshed(u32),
    /// It rings and rings.
    Ring,
}

/// How far a call has come, as its phone sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Asked,
    Ringing,
    Up,
    /// Somebody hung up.
    Over,
    /// Refused, with this status.
    Refused(u16),
}

/// One call.
pub struct Call {
    pub plan: Plan,
    pub state: State,
    /// Where each side is to send its media.
    pub relays: [Option<SocketAddr>; 2],
    /// Whether each side was told BYE.
    pub told_bye: [bool; 2],
    /// Whether the softswitch was told CANCEL.
    pub cancelled: bool,
    /// Requests within the dialog that were answered.
    pub answered: u32,
    /// Whose phone it is.
    pub person: usize,
    /// Whose media it has.
    pub voice: usize,
    pub invite: String,
    /// The INVITE as the softswitch saw it, and the 2xx as the phone did.
    pub seen: String,
    pub ok: String,
    pub cseq: u32,
    /// The phone's request that is under way.
    pub asking: Option<Under>,
    /// The softswitch's 2xx that is not acknowledged.
    pub answering: Option<Under>,
}

/// A message that is sent until it is answered.
pub struct Under {
    pub text: String,
    pub to: SocketAddr,
    pub at: Instant,
}

impl Under {
    /// It was sent just now.
    pub fn now(text: String, to: SocketAddr) -> Self {
        let at = Instant::now();
        Self { text, to, at }
    }
}

impl Call {
    /// A call that is about to be asked for with this INVITE.
    pub fn new(plan: Plan, person: usize, cseq: u32, invite: String) -> Self {
        Self {
            plan,
            state: State::Asked,
            relays: [None; 2],
            told_bye: [false; 2],
            cancelled: false,
            answered: 0,
            person,
            voice: person,
            invite,
            seen: String::new(),
            ok: String::new(),
            cseq,
            asking: None,
            answering: None,
        }
    }

    /// Nothing of it is under way.
    pub fn is_settled(&self) -> bool {
        let rings = self.plan == Plan::Ring && self.state == State::Ringing;
        rings || (self.asking.is_none() && self.answering.is_none())
    }

    /// The answer to what is under way; one that comes again answers nothing.
    pub fn answer_came(&mut self, text: &str) {
        let cseq = format!("CSeq: {}", header(text, "CSeq"));
        if self
            .asking
            .as_ref()
            .is_some_and(|under| under.text.contains(&cseq))
        {
            self.asking = None;
            self.answered += 1;
        }
    }

    /// The session timer that the softswitch asks for.
    pub fn expires(&self) -> String {
        match self.plan {
            Plan::Refreshed(seconds) => format!("Session-Expires: {seconds};refresher=uac\r\n"),
            Plan::Answer | Plan::Ring => String::new(),
        }
    }
}

/// The call that a message is about.
pub fn number_of(message: &str) -> u32 {
    let call_id = header(message, "Call-ID");
    let number = call_id
        .strip_prefix("INVITE-")
        .unwrap_or_else(|| panic!("{message}"));
    number.parse::<u32>().unwrap() - 1
}

/// The ACK of a response other than 2xx (RFC 3261 §17.1.1.3).
pub fn acknowledge(invite: &str, response: &str) -> String {
    let line = invite.lines().next().unwrap().replace("INVITE ", "ACK ");
    let cseq = header(invite, "CSeq").replace("INVITE", "ACK");
    format!(
        "{line}\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
         CSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
        header(invite, "Via"),
        header(invite, "From"),
        header(response, "To"),
        header(invite, "Call-ID"),
    )
}

/// Where a description says that media are to be sent.
pub fn relay(message: &str) -> SocketAddr {
    let after = |mark: &str| {
        let line = message.lines().find_map(|line| line.strip_prefix(mark));
        line.unwrap_or_else(|| panic!("no {mark} in\n{message}"))
    };
    let port = after("m=audio ").split(' ').next().unwrap();
    format!("{}:{port}", after("c=IN IP4 ")).parse().unwrap()
}
