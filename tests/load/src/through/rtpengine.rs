//! rtpengine without its kernel module, told what to do over its NG protocol (bencoded
//! dictionaries over UDP).

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use super::process::Process;
use super::{Legs, Through};
use crate::Failure;
use crate::station::Station;

const PROGRAM: &str = "rtpengine";
const CONTROL_PORT: u16 = 2_223;
const FIRST_PORT: u16 = 10_000;
/// How long it may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Ports a call takes.
const PORTS_PER_CALL: usize = 4;

/// A running rtpengine with one thread, as one of Strait's workers.
pub struct Rtpengine {
    process: Process,
    control: UdpSocket,
    /// Its names of the two sides.
    directions: [&'static str; 2],
    asked: u64,
    calls: Vec<usize>,
    run: u64,
}

impl Rtpengine {
    /// Starts it with these addresses for the two sides, which may be the same, and ports for so
    /// many calls.
    pub fn start(
        station: &Station,
        [near, far]: [IpAddr; 2],
        calls: usize,
    ) -> Result<Self, Failure> {
        let last = FIRST_PORT as usize + calls * PORTS_PER_CALL + 100;
        let Ok(last) = u16::try_from(last) else {
            let room = (usize::from(u16::MAX - FIRST_PORT) - 100) / PORTS_PER_CALL;
            return Err(Failure::Rtpengine(format!(
                "it has ports for {room} calls at most"
            )));
        };
        let mut command = Command::new(PROGRAM);
        command.args([
            "--config-file=none",
            "--table=-1",
            "--foreground",
            "--log-stderr",
        ]);
        command.args(["--log-level=2", "--num-threads=1", "--delete-delay=0"]);
        command.arg(format!("--interface=near/{near}"));
        // One address has one pool of ports.
        let directions = match near == far {
            true => ["near", "near"],
            false => ["near", "far"],
        };
        if near != far {
            command.arg(format!("--interface=far/{far}"));
        }
        command.arg(format!("--listen-ng={near}:{CONTROL_PORT}"));
        command
            .arg(format!("--port-min={FIRST_PORT}"))
            .arg(format!("--port-max={last}"));
        let failed = |error: std::io::Error| Failure::Rtpengine(error.to_string());
        let mut process = Process::start(command, station)?;
        let bound = station.within(|| UdpSocket::bind((near, 0)));
        let control = bound.map_err(failed)?;
        control.connect((near, CONTROL_PORT)).map_err(failed)?;
        control.set_read_timeout(Some(ASK_AGAIN)).map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        while control.send(b"0 d7:command4:pinge").is_err() || control.recv(&mut [0; 64]).is_err() {
            process.check_alive(PROGRAM)?;
            if Instant::now() >= deadline {
                return Err(Failure::Rtpengine("it does not answer a ping".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            process,
            control,
            directions,
            asked: 0,
            calls: Vec::new(),
            run: 0,
        })
    }

    /// Asks until it answers; the answer without its cookie.
    fn ask(&mut self, request: &[(&str, &[&str])]) -> Result<String, Failure> {
        self.asked += 1;
        let cookie = format!("{} ", self.asked);
        let text = format!("{cookie}{}", dictionary(request));
        let deadline = Instant::now() + PATIENCE;
        let mut space = [0; 4_096];
        while Instant::now() < deadline {
            if self.control.send(text.as_bytes()).is_err() {
                continue;
            }
            while let Ok(length) = self.control.recv(&mut space) {
                let answer = String::from_utf8_lossy(&space[..length]);
                if let Some(answer) = answer.strip_prefix(&cookie) {
                    let refused = answer.contains("6:result5:error");
                    let answer = answer.to_owned();
                    return if refused {
                        Err(Failure::Rtpengine(answer))
                    } else {
                        Ok(answer)
                    };
                }
            }
        }
        Err(Failure::Rtpengine(format!(
            "it has not answered for {} s",
            PATIENCE.as_secs()
        )))
    }

    /// The addresses it gives for a party's description to another of this address.
    fn exchange(
        &mut self,
        command: &str,
        call: usize,
        party: [SocketAddr; 2],
        other: IpAddr,
    ) -> Result<[SocketAddr; 2], Failure> {
        let (call_id, sdp) = (self.call_id(call), description(party));
        // The keys of a dictionary stand in order.
        let [near, far] = self.directions;
        let directions = match command {
            "offer" => [near, far],
            _ => [far, near],
        };
        let (call_id, sdp, command) = ([call_id.as_str()], [sdp.as_str()], [command]);
        let mut request: Vec<(&str, &[&str])> = vec![
            ("ICE", &["remove"]),
            (
                "address-family",
                if other.is_ipv4() { &["IP4"] } else { &["IP6"] },
            ),
            ("call-id", &call_id),
            ("command", &command),
            ("direction", &directions),
            ("from-tag", &["near"]),
            ("sdp", &sdp),
        ];
        if command == ["answer"] {
            request.push(("to-tag", &["far"]));
        }
        let answer = self.ask(&request)?;
        let port = answer
            .split("m=audio ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let port: Option<u16> = port.and_then(|port| port.parse().ok());
        let address = answer
            .split("c=IN IP")
            .nth(1)
            .and_then(|rest| rest.get(2..));
        let address = address.and_then(|rest| rest.split(['\r', '\n']).next()?.parse().ok());
        let (Some(address), Some(port)): (Option<IpAddr>, _) = (address, port) else {
            return Err(Failure::Rtpengine(format!("no address in {answer}")));
        };
        Ok([port, port + 1].map(|port| SocketAddr::new(address, port)))
    }

    fn call_id(&self, call: usize) -> String {
        format!("{}-{call}", self.run)
    }
}

impl Through for Rtpengine {
    fn open(&mut self, call: usize, [near, far]: Legs) -> Result<Legs, Failure> {
        self.calls.push(call);
        let towards_far = self.exchange("offer", call, near, far[0].ip())?;
        let towards_near = self.exchange("answer", call, far, near[0].ip())?;
        Ok([towards_near, towards_far])
    }

    fn close(&mut self) -> Result<(), Failure> {
        for call in std::mem::take(&mut self.calls) {
            let call_id = self.call_id(call);
            self.ask(&[
                ("call-id", &[&call_id]),
                ("command", &["delete"]),
                ("from-tag", &["near"]),
            ])?;
        }
        self.run += 1;
        Ok(())
    }

    fn listen(&mut self) -> Result<(), Failure> {
        self.process.check_alive(PROGRAM)
    }

    fn processor_time(&self) -> Option<Duration> {
        Some(self.process.processor_time())
    }
}

/// A bencoded dictionary; several values under one key are a list.
fn dictionary(entries: &[(&str, &[&str])]) -> String {
    let string = |text: &str| format!("{}:{text}", text.len());
    let mut text = String::from("d");
    for (key, values) in entries {
        text += &string(key);
        let all: String = values.iter().map(|value| string(value)).collect();
        text += &match values.len() {
            1 => all,
            _ => format!("l{all}e"),
        };
    }
    text + "e"
}

fn description([rtp, rtcp]: [SocketAddr; 2]) -> String {
    let version = if rtp.is_ipv4() { 4 } else { 6 };
    let address = rtp.ip();
    format!(
        "v=0\r\no=- 1 1 IN IP{version} {address}\r\ns=-\r\nc=IN IP{version} {address}\r\n\
         t=0 0\r\nm=audio {} RTP/AVP 8\r\na=rtcp:{}\r\na=sendrecv\r\n",
        rtp.port(),
        rtcp.port()
    )
}
