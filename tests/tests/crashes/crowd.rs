//! The people of a thousand calls: phones on one side, a softswitch on the other, driven by one
//! loop that repeats what is not answered (RFC 3261 §17.1).

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::call::{Call, Plan, State, Under, acknowledge, number_of, relay};
use crate::place::{PATIENCE, Place};
use crate::sip::{answer, description, header, request, within};
use crate::talk::{PEOPLE, media_port};

/// How long a message waits for its answer before it is sent again: T1.
const REPEAT: Duration = Duration::from_millis(500);
/// Requests that are under way at once while many calls do the same.
const WINDOW: usize = 64;
/// What a signalling socket may hold.
const BUFFER_BYTES: usize = 4 << 20;

/// Everybody.
pub struct Crowd {
    pub access: SocketAddr,
    pub phones: Vec<UdpSocket>,
    pub switch: UdpSocket,
    /// The Contacts the softswitch has registered, as it saw them.
    pub registered: Vec<String>,
    /// Whether each phone has heard a MESSAGE.
    pub reached: [bool; PEOPLE],
    pub calls: BTreeMap<u32, Call>,
    /// Keep-alives that each phone has heard.
    pub kept_alive: [u32; PEOPLE],
    next: u32,
}

impl Crowd {
    pub fn new(place: &Place) -> Self {
        let bind = |at: SocketAddr| {
            let socket = UdpSocket::bind(at).unwrap();
            socket.set_nonblocking(true).unwrap();
            // Where the system grants less, messages are repeated.
            let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES);
            socket
        };
        let [phones, switch] = place.theirs;
        Self {
            access: place.access(),
            phones: (0..PEOPLE)
                .map(|it| bind((phones, 11_000 + it as u16).into()))
                .collect(),
            switch: bind((switch, 5060).into()),
            registered: Vec::new(),
            reached: [false; PEOPLE],
            calls: BTreeMap::new(),
            kept_alive: [0; PEOPLE],
            next: 0,
        }
    }

    /// Asks for so many calls and waits until each has come as far as it is planned to.
    pub fn call(&mut self, count: usize, plan: Plan) -> Vec<u32> {
        let numbers: Vec<u32> = (self.next..).take(count).collect();
        self.next += count as u32;
        self.each(
            &numbers,
            |crowd, number| crowd.invite(number, plan),
            "set-up",
        );
        numbers
    }

    /// Asks for so many calls and waits for nothing.
    pub fn begin(&mut self, count: usize, plan: Plan) -> Vec<u32> {
        let numbers: Vec<u32> = (self.next..).take(count).collect();
        self.next += count as u32;
        numbers.iter().for_each(|number| self.invite(*number, plan));
        numbers
    }

    /// Renegotiates calls: a re-INVITE and its answer.
    pub fn renegotiate(&mut self, numbers: &[u32]) {
        let ask = |crowd: &mut Self, number: u32| {
            let body = crowd.offer(number);
            crowd.ask(number, "INVITE", &body);
        };
        self.each(numbers, ask, "re-INVITE");
    }

    /// Moves the media of calls to other ports, on both sides.
    pub fn move_media(&mut self, numbers: &[u32]) {
        for number in numbers {
            let call = self.calls.get_mut(number).unwrap();
            call.voice = (call.voice + 1) % PEOPLE;
        }
        self.renegotiate(numbers);
    }

    /// Refreshes the sessions of calls.
    pub fn refresh(&mut self, numbers: &[u32]) {
        self.each(
            numbers,
            |crowd, number| crowd.ask(number, "UPDATE", ""),
            "UPDATE",
        );
    }

    /// Hangs up.
    pub fn hang_up(&mut self, numbers: &[u32]) {
        self.each(numbers, |crowd, number| crowd.ask(number, "BYE", ""), "BYE");
    }

    /// The numbers of the calls that stand.
    pub fn standing(&self) -> Vec<u32> {
        let up = |(number, call): (&u32, &Call)| (call.state == State::Up).then_some(*number);
        self.calls.iter().filter_map(up).collect()
    }

    /// Goes on until something holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(
                start.elapsed() < PATIENCE,
                "never came: {what}; {:?}",
                self.states()
            );
            if !self.receive() {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.repeat();
        }
    }

    /// How many calls are how far, for people.
    fn states(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls.values() {
            *counts.entry(format!("{:?}", call.state)).or_default() += 1;
        }
        counts
    }

    /// Does the same for many calls, some at a time, until nothing of theirs is under way.
    fn each(&mut self, numbers: &[u32], mut act: impl FnMut(&mut Self, u32), what: &str) {
        let mut under_way: Vec<u32> = Vec::new();
        for number in numbers {
            act(self, *number);
            under_way.push(*number);
            self.until(what, |crowd| {
                under_way.retain(|it| !crowd.calls[it].is_settled());
                under_way.len() < WINDOW
            });
        }
        self.until(what, |crowd| {
            under_way.iter().all(|it| crowd.calls[it].is_settled())
        });
    }

    fn invite(&mut self, number: u32, plan: Plan) {
        let person = number as usize % PEOPLE;
        let local = self.phones[person].local_addr().unwrap();
        let offer = description(SocketAddr::new(local.ip(), media_port(person)));
        // 0 is no CSeq that a call may begin with here.
        let invite = request("INVITE", local, number + 1, "", &offer);
        let call = Call::new(plan, person, number + 1, invite.clone());
        self.calls.insert(number, call);
        self.send(number, invite);
    }

    fn offer(&self, number: u32) -> String {
        let Call { person, voice, .. } = self.calls[&number];
        let ip = self.phones[person].local_addr().unwrap().ip();
        description(SocketAddr::new(ip, media_port(voice)))
    }

    /// The phone asks for something within its call.
    fn ask(&mut self, number: u32, method: &str, body: &str) {
        let call = self.calls.get_mut(&number).unwrap();
        call.cseq += 1;
        let contact = self.phones[call.person].local_addr().unwrap();
        let kind = match body.is_empty() {
            true => "",
            false => "Content-Type: application/sdp\r\n",
        };
        let extra = format!("Contact: <sip:alice@{contact}>\r\n{kind}");
        let text = within(&call.ok, method, call.cseq, &extra, body);
        self.send(number, text);
    }

    fn send(&mut self, number: u32, text: String) {
        let call = self.calls.get_mut(&number).unwrap();
        say(&self.phones[call.person], &text, self.access);
        call.asking = Some(Under::now(text, self.access));
    }

    fn repeat(&mut self) {
        let now = Instant::now();
        for call in self.calls.values_mut() {
            let ways = [
                (&self.phones[call.person], &mut call.asking),
                (&self.switch, &mut call.answering),
            ];
            for (socket, under) in ways {
                let due = |under: &&mut Under| now - under.at > REPEAT;
                if let Some(under) = under.as_mut().filter(due) {
                    under.at = now;
                    say(socket, &under.text, under.to);
                }
            }
        }
    }

    /// Takes what has come; whether anything has.
    fn receive(&mut self) -> bool {
        let mut space = vec![0; 65_535];
        let mut any = false;
        for person in 0..PEOPLE {
            while let Ok((len, from)) = self.phones[person].recv_from(&mut space) {
                let text = String::from_utf8_lossy(&space[..len]).into_owned();
                self.phone_heard(person, &text, from);
                any = true;
            }
        }
        while let Ok((len, from)) = self.switch.recv_from(&mut space) {
            let text = String::from_utf8_lossy(&space[..len]).into_owned();
            self.switch_heard(&text, from);
            any = true;
        }
        any
    }

    fn phone_heard(&mut self, person: usize, text: &str, from: SocketAddr) {
        let phone = &self.phones[person];
        match text.split(' ').next().unwrap() {
            "SIP/2.0" if header(text, "CSeq").ends_with("REGISTER") => {
                assert!(text.starts_with("SIP/2.0 200 "), "{text}");
            }
            "SIP/2.0" => self.phone_told(text),
            "MESSAGE" => {
                self.reached[person] = true;
                say(phone, &answer(text, "200 OK", "heard", "", ""), from);
            }
            "OPTIONS" => {
                self.kept_alive[person] += 1;
                say(phone, &answer(text, "200 OK", "alive", "", ""), from);
            }
            "BYE" => {
                say(phone, &answer(text, "200 OK", "", "", ""), from);
                let call = self.calls.get_mut(&number_of(text)).unwrap();
                call.told_bye[0] = true;
                call.state = State::Over;
                call.asking = None;
            }
            other => panic!("{other} to a phone:\n{text}"),
        }
    }

    fn phone_told(&mut self, text: &str) {
        let number = number_of(text);
        let call = self.calls.get_mut(&number).unwrap();
        let status: u16 = text.split(' ').nth(1).unwrap().parse().unwrap();
        let (cseq, method) = header(text, "CSeq").split_once(' ').unwrap();
        let first = cseq.parse() == Ok(number + 1);
        match (method, status) {
            (_, 100) => {}
            ("INVITE", 101..200) => {
                if call.state == State::Asked {
                    call.state = State::Ringing;
                }
            }
            ("INVITE", 200..300) => {
                if first && call.ok.is_empty() {
                    call.ok = text.to_owned();
                    call.relays[0] = Some(relay(text));
                    call.state = State::Up;
                    call.asking = None;
                }
                call.answer_came(text);
                let ack = within(&call.ok, "ACK", cseq.parse().unwrap(), "", "");
                say(&self.phones[call.person], &ack, self.access);
            }
            ("INVITE", _) => {
                assert!(first, "a re-INVITE is refused:\n{text}");
                call.state = State::Refused(status);
                call.asking = None;
                say(
                    &self.phones[call.person],
                    &acknowledge(&call.invite, text),
                    self.access,
                );
            }
            ("BYE", 200) => {
                call.answer_came(text);
                call.state = State::Over;
            }
            ("UPDATE", 200) => call.answer_came(text),
            _ => panic!("call {number} is told\n{text}"),
        }
    }

    fn switch_heard(&mut self, text: &str, from: SocketAddr) {
        if text.starts_with("REGISTER ") {
            let granted = self.registrar(text);
            say(&self.switch, &granted, from);
            return;
        }
        if text.starts_with("SIP/2.0 ") {
            assert!(text.starts_with("SIP/2.0 200 "), "{text}");
            return;
        }
        let call = self.calls.get_mut(&number_of(text)).unwrap();
        let own = self.switch.local_addr().unwrap();
        let contact = format!("Contact: <sip:bob@{own}>\r\n");
        match text.split(' ').next().unwrap() {
            "INVITE" => {
                if !header(text, "To").contains(";tag=") {
                    call.seen = text.to_owned();
                    call.relays[1] = Some(relay(text));
                }
                if call.plan == Plan::Ring {
                    say(
                        &self.switch,
                        &answer(text, "180 Ringing", "far", &contact, ""),
                        from,
                    );
                    return;
                }
                let body = description(SocketAddr::new(own.ip(), media_port(call.voice)));
                let extra = format!(
                    "{contact}{}Content-Type: application/sdp\r\n",
                    call.expires()
                );
                let ok = answer(text, "200 OK", "far", &extra, &body);
                say(&self.switch, &ok, from);
                call.answering = Some(Under::now(ok, from));
            }
            "ACK" => call.answering = None,
            "UPDATE" => {
                let extra = format!("{contact}{}", call.expires());
                say(&self.switch, &answer(text, "200 OK", "", &extra, ""), from);
            }
            "BYE" => {
                say(&self.switch, &answer(text, "200 OK", "", "", ""), from);
                call.told_bye[1] = true;
            }
            "CANCEL" => {
                say(&self.switch, &answer(text, "200 OK", "far", "", ""), from);
                let over = answer(&call.seen, "487 Request Terminated", "far", "", "");
                say(&self.switch, &over, from);
                call.cancelled = true;
            }
            other => panic!("{other} to the softswitch:\n{text}"),
        }
    }
}

fn say(socket: &UdpSocket, text: &str, to: SocketAddr) {
    // What cannot be sent now is sent again.
    let _ = socket.send_to(text.as_bytes(), to);
}
