//! A call that stands while others misbehave: it is asked again and again whether it notices.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use strait_tests::program::wait_until;

use crate::sip::{answer, description, header, receive, request, within};
use crate::stage::{PATIENCE, Stage, bind, own_address};

/// An answered call between a phone and the softswitch's socket, with media.
pub struct Call {
    phone: UdpSocket,
    media: [UdpSocket; 2],
    /// Where each side sends its media.
    relays: [SocketAddr; 2],
    ok: String,
    cseq: u32,
    sequence: u16,
}

impl Call {
    /// Sets it up.
    pub fn set_up(stage: &Stage) -> Self {
        let phone = bind(own_address());
        let local = phone.local_addr().unwrap();
        let voice = |address| {
            let socket = UdpSocket::bind(SocketAddr::new(address, 4000)).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            socket
        };
        let media = [local.ip(), stage.switch.local_addr().unwrap().ip()].map(voice);
        let offer = description(media[0].local_addr().unwrap());
        let invite = request("INVITE", local, 1, "", &offer);
        phone.send_to(invite.as_bytes(), stage.access).unwrap();
        let (seen, from) = receive(&stage.switch, |text| text.starts_with("INVITE"));
        let accepted = accept(stage, &seen, &media[1]);
        stage.switch.send_to(accepted.as_bytes(), from).unwrap();
        let (ok, _) = receive(&phone, |text| text.starts_with("SIP/2.0 200 "));
        let ack = within(&ok, "ACK", 1, "", "");
        phone.send_to(ack.as_bytes(), stage.access).unwrap();
        receive(&stage.switch, |text| text.starts_with("ACK"));
        let mut call = Self {
            phone,
            media,
            relays: [relay(&ok), relay(&seen)],
            ok,
            cseq: 1,
            sequence: 0,
        };
        call.begin();
        call
    }

    /// Media passes both ways, and a re-INVITE is answered.
    pub fn notices_nothing(&mut self, stage: &Stage) {
        self.talk();
        self.cseq += 1;
        let local = self.phone.local_addr().unwrap();
        let extra = format!("Contact: <sip:alice@{local}>\r\nContent-Type: application/sdp\r\n");
        let offer = description(self.media[0].local_addr().unwrap());
        let again = within(&self.ok, "INVITE", self.cseq, &extra, &offer);
        let (seen, from) = self.ask(stage, &again);
        let accepted = accept(stage, &seen, &self.media[1]);
        stage.switch.send_to(accepted.as_bytes(), from).unwrap();
        let cseq = format!("CSeq: {} INVITE", self.cseq);
        let is_answer = |text: &str| text.starts_with("SIP/2.0 200 ") && text.contains(&cseq);
        receive(&self.phone, is_answer);
        let ack = within(&self.ok, "ACK", self.cseq, "", "");
        self.phone.send_to(ack.as_bytes(), stage.access).unwrap();
        receive(&stage.switch, |text| {
            text.starts_with("ACK") && text.contains("INVITE-1")
        });
        self.talk();
    }

    /// Hangs up.
    pub fn end(mut self, stage: &Stage) {
        self.cseq += 1;
        let bye = within(&self.ok, "BYE", self.cseq, "", "");
        let (seen, from) = self.ask(stage, &bye);
        let done = answer(&seen, "200 OK", "far", "", "");
        stage.switch.send_to(done.as_bytes(), from).unwrap();
        receive(&self.phone, |text| {
            text.starts_with("SIP/2.0 200 ") && text.contains(" BYE")
        });
    }

    /// The phone sends a request of its call, repeated as RFC 3261 has it while a kernel's buffer
    /// overflows; what the softswitch sees.
    fn ask(&self, stage: &Stage, request: &str) -> (String, SocketAddr) {
        let method = request.split(' ').next().unwrap();
        let cseq = format!("CSeq: {} {method}", self.cseq);
        let is_it = |text: &str| text.starts_with(method) && text.contains(&cseq);
        for wait_ms in [500, 1_000, 2_000, 4_000] {
            self.phone
                .send_to(request.as_bytes(), stage.access)
                .unwrap();
            let patience = Some(Duration::from_millis(wait_ms));
            stage.switch.set_read_timeout(patience).unwrap();
            let mut buffer = vec![0; 65_535];
            while let Ok((len, from)) = stage.switch.recv_from(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
                if is_it(&text) && text.contains("Call-ID: INVITE-1\r\n") {
                    stage.switch.set_read_timeout(Some(PATIENCE)).unwrap();
                    return (text, from);
                }
            }
        }
        panic!("{method} did not get through");
    }

    /// Speaks both ways until both are heard: the relay opens a moment after the answer.
    fn begin(&mut self) {
        for side in [0, 1] {
            let heard = wait_until(PATIENCE, || {
                let mut space = [0; 200];
                self.media[side]
                    .send_to(&voice(side as u8, 0), self.relays[side])
                    .unwrap();
                self.media[1 - side].recv_from(&mut space).is_ok()
            });
            assert!(heard, "side {side} is not heard");
        }
        self.media.iter().for_each(|socket| {
            let mut space = [0; 200];
            while socket.recv_from(&mut space).is_ok() {}
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
        });
    }

    /// Twenty packets each way arrive, all of them.
    fn talk(&mut self) {
        for _ in 0..20 {
            self.sequence += 1;
            for side in [0, 1] {
                let packet = voice(side as u8, self.sequence);
                self.media[side]
                    .send_to(&packet, self.relays[side])
                    .unwrap();
                let mut heard = [0; 200];
                let (len, _) = self.media[1 - side].recv_from(&mut heard).expect("media");
                assert_eq!(heard[..len], packet[..]);
            }
        }
    }
}

fn accept(stage: &Stage, invite: &str, media: &UdpSocket) -> String {
    let contact = stage.switch.local_addr().unwrap();
    let extra = format!("Contact: <sip:bob@{contact}>\r\nContent-Type: application/sdp\r\n");
    let answered = description(media.local_addr().unwrap());
    answer(invite, "200 OK", "far", &extra, &answered)
}

/// The media address in a description.
fn relay(message: &str) -> SocketAddr {
    let ip = message
        .lines()
        .find_map(|line| line.strip_prefix("c=IN IP4 "));
    let port = message
        .lines()
        .find_map(|line| line.strip_prefix("m=audio "));
    let port = port.unwrap().split(' ').next().unwrap();
    assert!(!header(message, "Call-ID").is_empty());
    format!("{}:{port}", ip.unwrap()).parse().unwrap()
}

/// An RTP packet of one side.
fn voice(side: u8, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend([0, 0, 0, side]);
    packet.resize(172, 0xd5);
    packet
}
