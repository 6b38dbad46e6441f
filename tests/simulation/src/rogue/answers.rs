//! What a hostile softswitch says when it is asked: by its customers' calls and registrations, by
//! Strait itself.

use std::time::Duration;

use strait_parties::sip::message::Message;
use strait_shared::time::Instant;

use super::{KEPT_MAX, Rogue};

/// Final statuses it may make up.
const FINALS: [u16; 12] = [200, 202, 300, 302, 380, 401, 486, 487, 500, 503, 603, 699];
/// How long it goes on ringing.
const RINGING: Duration = Duration::from_secs(150);

/// What it is going to say, after how long.
type Script = Vec<(Duration, Message)>;

impl Rogue {
    /// Strait asks something.
    pub(super) fn asked(&mut self, now: Instant, method: &str, request: &Message) {
        match method {
            "INVITE" if request.tag("To").is_none() => self.invited(now, request),
            "ACK" => {}
            "CANCEL" => self.cancelled(now, request),
            "REGISTER" => self.registered(request),
            _ => {
                let status = match self.random.u8(..8) {
                    0 => return,
                    1 => FINALS[self.random.usize(..FINALS.len())],
                    _ => 200,
                };
                let mut answer = Message::response(request, status, "judas");
                answer.push("Contact", format!("<sip:judas@{}>", self.own));
                if method == "INVITE" || method == "UPDATE" {
                    self.describe(&mut answer);
                }
                self.say_oddly(answer);
            }
        }
    }

    /// A registrar that mostly agrees, to more than it was asked for.
    fn registered(&mut self, request: &Message) {
        let status = match self.random.u8(..8) {
            0 => FINALS[self.random.usize(..FINALS.len())],
            _ => 200,
        };
        let mut answer = Message::response(request, status, "judas");
        for contact in request.headers_named("Contact") {
            let expires = ["60", "0", "4294967295", "99999999999", "-1"];
            let expires = expires[self.random.usize(..expires.len())];
            answer.push(
                "Contact",
                match self.random.u8(..4) {
                    0 => format!("{contact};expires={expires}"),
                    _ => contact.to_owned(),
                },
            );
        }
        if let Some(more) = self
            .lies
            .contact(&mut self.random)
            .filter(|_| status == 200)
        {
            answer.push("Contact", more);
        }
        answer.push("Expires", "60");
        let service = self.lies.record_route(&mut self.random);
        service
            .into_iter()
            .for_each(|route| answer.push("Service-Route", route));
        self.say(answer.to_bytes());
    }

    fn cancelled(&mut self, now: Instant, request: &Message) {
        let answer = Message::response(request, 200, "judas");
        let mut over = answer.clone();
        over.start = strait_parties::sip::message::Start::Response(487);
        let number = request.cseq().map_or(1, |cseq| cseq.number);
        over.set("CSeq", format!("{number} INVITE"));
        match self.random.u8(..4) {
            0 => {}
            1 => self.say(answer.to_bytes()),
            2 => {
                // It was answered after all, and again, much later.
                self.say(answer.to_bytes());
                over.start = strait_parties::sip::message::Start::Response(200);
                over.push("Contact", format!("<sip:judas@{}>", self.own));
                self.describe(&mut over);
                for after in [0, 700, 20_000, 70_000] {
                    self.plan(now + Duration::from_millis(after), over.to_bytes());
                }
            }
            _ => {
                self.say(answer.to_bytes());
                self.say(over.to_bytes());
            }
        }
    }

    /// One of its customers calls somebody.
    fn invited(&mut self, now: Instant, request: &Message) {
        let branch = request.branch().unwrap_or_default().to_owned();
        if self.judged.contains(&branch) {
            return;
        }
        if self.judged.len() == KEPT_MAX {
            self.judged.pop_front();
        }
        self.judged.push_back(branch);
        let script = match self.random.u8(..10) {
            0 => Script::new(),
            1 => self.rings_for_ever(request),
            2 => self.forks(request),
            3 => self.changes_its_mind(request),
            4 => self.confuses(request),
            5 => self.sends_elsewhere(request),
            _ => self.talks(request),
        };
        for (after, message) in script {
            let bytes = message.to_bytes();
            let bytes = match self.random.u8(..12) {
                0 => self.mutilate(&bytes),
                _ => bytes,
            };
            self.plan(now + after, bytes);
        }
    }

    fn rings_for_ever(&mut self, request: &Message) -> Script {
        let pause = Duration::from_millis(self.random.u64(100..4_000));
        let times = (RINGING.as_millis() / pause.as_millis()).min(200) as u32;
        let ring = |number: u32| {
            let status = [180, 183, 100, 199, 181][self.random.usize(..5)];
            let tag = ["a", "b"][self.random.usize(..2)];
            let response = self.response(request, status, tag);
            (pause * number, response)
        };
        (0..times).map(ring).collect()
    }

    /// More phones ring than there can be, and several answer.
    fn forks(&mut self, request: &Message) -> Script {
        let mut script = Script::new();
        let branches = self.random.u64(2..30);
        for number in 0..branches {
            let ring = self.response(request, 183, &format!("fork{number}"));
            script.push((Duration::from_millis(10 * number), ring));
        }
        for number in 0..self.random.u64(1..4) {
            let tag = format!("fork{}", self.random.u64(..branches));
            let answer = self.response(request, 200, &tag);
            script.push((Duration::from_millis(400 + 30 * number), answer));
        }
        let refusal = self.response(request, 486, "fork0");
        script.push((Duration::from_millis(600), refusal));
        script
    }

    /// Final responses, one after the other, each as if it were the only one.
    fn changes_its_mind(&mut self, request: &Message) -> Script {
        let times = self.random.u64(2..8);
        let say = |number: u64| {
            let status = FINALS[self.random.usize(..FINALS.len())];
            let tag = ["a", "b"][self.random.usize(..2)];
            let after = [1, 500, 40_000][self.random.usize(..3)] * number;
            let response = self.response(request, status, tag);
            (Duration::from_millis(after), response)
        };
        (0..times).map(say).collect()
    }

    /// Responses that belong to nothing, or to something else.
    fn confuses(&mut self, request: &Message) -> Script {
        let times = self.random.u64(2..8);
        let say = |number: u64| {
            let status = [180, 183, 200, 486][self.random.usize(..4)];
            let mut response = self.response(request, status, "a");
            match self.random.u8(..6) {
                0 => response.set("From", "<sip:judas@example.net>;tag=x"),
                1 => response.set("To", "<sip:u0@example.org>"),
                2 => response.set("CSeq", "4294967295 INVITE"),
                3 => response.set("CSeq", "1 BYE"),
                4 => response.set("Call-ID", "nobody's"),
                _ => response.push_front("Via", format!("SIP/2.0/UDP {};branch=x", self.own)),
            }
            (Duration::from_millis(50 * number), response)
        };
        (0..times).map(say).collect()
    }

    fn sends_elsewhere(&mut self, request: &Message) -> Script {
        let status = [300, 301, 302, 305, 380][self.random.usize(..5)];
        let mut response = Message::response(request, status, "a");
        for _ in 0..self.random.usize(1..12) {
            let contact = self.lies.contact(&mut self.random);
            contact
                .into_iter()
                .for_each(|contact| response.push("Contact", contact));
        }
        vec![(Duration::from_millis(20), response)]
    }

    /// A call that is answered, and what it does in it.
    fn talks(&mut self, request: &Message) -> Script {
        let ring = self.response(request, 180, "a");
        let answer = self.response(request, 200, "a");
        let ms = Duration::from_millis;
        let mut script = vec![(ms(20), ring), (ms(300), answer)];
        for number in 0..self.random.u64(..5) {
            let methods = [
                "INVITE", "UPDATE", "INFO", "BYE", "REFER", "PRACK", "ACK", "CANCEL",
            ];
            let method = methods[self.random.usize(..methods.len())];
            let after = ms(500 + 400 * number + self.random.u64(..300));
            let within = self.within(method, request, self.random.clone().u32(..4));
            script.extend(within.map(|message| (after, message)));
        }
        script
    }

    /// A request of its own in a dialog that a customer's INVITE began.
    fn within(&mut self, method: &str, invite: &Message, number: u32) -> Option<Message> {
        let target = invite.name_addr("Contact")?.uri;
        let (from, to) = (invite.header("To")?, invite.header("From")?);
        let tag = ["a", "b"][usize::from(self.random.u8(..4) == 0)];
        let branch = self.random.u64(..);
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch:x}\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {call}\r\n\
             CSeq: {number} {method}\r\nRefer-To: <sip:u0@example.org>\r\nRAck: 1 1 INVITE\r\n\
             Content-Length: 0\r\n\r\n",
            own = self.own,
            call = invite.call_id(),
        );
        let mut message = Message::parse(text.as_bytes()).ok()?;
        let contact = self.lies.contact(&mut self.random);
        contact
            .into_iter()
            .for_each(|contact| message.push("Contact", contact));
        if ["INVITE", "UPDATE", "ACK"].contains(&method) {
            self.describe(&mut message);
        }
        Some(message)
    }

    fn response(&mut self, request: &Message, status: u16, tag: &str) -> Message {
        let mut response = Message::response(request, status, tag);
        let contact = self.lies.contact(&mut self.random);
        contact
            .into_iter()
            .for_each(|contact| response.push("Contact", contact));
        let routes = self.lies.record_route(&mut self.random);
        routes
            .into_iter()
            .for_each(|routes| response.push("Record-Route", routes));
        if self.random.u8(..6) == 0 {
            response.push("Require", "100rel");
            response.push("RSeq", self.random.u32(..5).to_string());
        }
        if status != 100 && self.random.u8(..5) > 0 {
            self.describe(&mut response);
        }
        response
    }

    pub(super) fn describe(&mut self, message: &mut Message) {
        let description = self.lies.description(&mut self.random);
        message.set_body("application/sdp", description);
    }

    /// Once, twice, or not as it should be.
    fn say_oddly(&mut self, message: Message) {
        let bytes = message.to_bytes();
        match self.random.u8(..8) {
            0 => {
                let broken = self.mutilate(&bytes);
                self.say(broken);
            }
            1 => {
                self.say(bytes.clone());
                self.say(bytes);
            }
            _ => self.say(bytes),
        }
    }
}
