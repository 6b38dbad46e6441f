//! baresip as a phone, driven over its control connection.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::namespace::Namespace;
use crate::program::{Program, wait_until};
use crate::topology::Topology;

/// The port of its control connection, on the loopback of its own namespace.
const CONTROL_PORT: u16 = 4444;

/// A running baresip.
pub struct Phone<'a> {
    host: &'a Namespace,
    program: Program,
}

/// How one is started.
pub struct Account<'a> {
    /// Its user name.
    pub user: &'a str,
    /// Its address.
    pub address: &'a str,
    /// Strait's address as `host:port`, with brackets around an IPv6 address.
    pub proxy: &'a str,
    /// `udp` or `tcp`.
    pub transport: &'a str,
    /// Answers by itself.
    pub answers: bool,
}

impl<'a> Phone<'a> {
    /// Starts it on `host`, waits until it is registered.
    pub fn start(topology: &Topology, host: &'a Namespace, account: &Account<'_>) -> Phone<'a> {
        let directory = topology.file(&format!("baresip-{}", account.user));
        std::fs::create_dir_all(&directory).expect("the scenario's directory is writable");
        write_configuration(&directory, account);
        let mut command = host.command("baresip");
        command.args(["-f", &directory.to_string_lossy(), "-v"]);
        let name = format!("baresip-{}", account.user);
        let mut program = host.start(&name, command, topology.directory());
        program.wait_for_output("200 OK", Duration::from_secs(15));
        Phone { host, program }
    }

    /// Sends it a command, e.g. `dial` with `sip:bob@example.test`.
    pub fn command(&self, command: &str, parameters: &str) {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\"}}");
        let netstring = format!("{}:{json},", json.len());
        // A socket belongs to the namespace it was made in, so a program there opens it.
        let script =
            format!("exec 3<>/dev/tcp/127.0.0.1/{CONTROL_PORT}; cat >&3; timeout 1 head -c 20 <&3");
        let mut shell = self
            .host
            .command("bash")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash is installed");
        shell
            .stdin
            .take()
            .expect("it was piped")
            .write_all(netstring.as_bytes())
            .expect("the control connection takes a command");
        let mut answer = String::new();
        let _ = shell
            .stdout
            .take()
            .expect("it was piped")
            .read_to_string(&mut answer);
        let _ = shell.wait();
        assert!(
            !answer.is_empty(),
            "baresip did not answer {json}: {}",
            self.program.output()
        );
    }

    /// Waits until it printed `text`.
    pub fn wait_for(&mut self, text: &str) {
        self.program.wait_for_output(text, Duration::from_secs(15));
    }

    /// What it printed so far.
    pub fn output(&self) -> String {
        self.program.output()
    }

    /// Waits until `done` says so of what it printed.
    pub fn wait_until_output(&self, what: &str, done: impl Fn(&str) -> bool) {
        let reached = wait_until(Duration::from_secs(15), || done(&self.program.output()));
        assert!(
            reached,
            "baresip never showed {what}:\n{}",
            self.program.output()
        );
    }
}

fn write_configuration(directory: &Path, account: &Account<'_>) {
    let Account {
        user,
        address,
        proxy,
        transport,
        answers,
    } = account;
    let listen = if address.contains(':') {
        format!("[{address}]:5060")
    } else {
        format!("{address}:5060")
    };
    let answer = if *answers { ";answermode=auto" } else { "" };
    let modules = [
        "account.so",
        "menu.so",
        "ctrl_tcp.so",
        "g711.so",
        "aufile.so",
    ];
    let list: String = modules
        .iter()
        .map(|module| match *module {
            "account.so" | "menu.so" | "ctrl_tcp.so" => format!("module_app\t\t{module}\n"),
            _ => format!("module\t\t\t{module}\n"),
        })
        .collect();
    let said = directory.join("says.wav");
    std::fs::write(&said, tone(user)).expect("the directory is writable");
    let config = format!(
        "sip_listen\t\t{listen}\n\
         module_path\t\t/usr/lib/baresip/modules\n\
         {list}\
         audio_source\t\taufile,{}\n\
         audio_player\t\taufile,{}\n\
         audio_alert\t\taufile,/dev/null\n\
         ctrl_tcp_listen\t\t127.0.0.1:{CONTROL_PORT}\n\
         rtp_ports\t\t16384-16484\n\
         rtp_stats\t\tyes\n\
         rtp_timeout\t\t0\n",
        said.display(),
        directory.join("heard.wav").display()
    );
    let account_line = format!(
        "<sip:{user}@{};transport={transport}>;auth_user={user};auth_pass=secret\
         ;outbound=\"sip:{proxy};transport={transport}\";regint=120;audio_codecs=pcma{answer}\n",
        crate::kamailio::DOMAIN
    );
    for (name, content) in [("config", config), ("accounts", account_line)] {
        std::fs::write(directory.join(name), content).expect("the directory is writable");
    }
    std::fs::write(directory.join("contacts"), "").expect("the directory is writable");
}

/// A minute of a tone that differs from user to user: mono WAV, 8 kHz, 16 bits.
fn tone(user: &str) -> Vec<u8> {
    const RATE: u32 = 8000;
    const SAMPLES: u32 = RATE * 60;
    let period = 10 + user.bytes().map(u32::from).sum::<u32>() % 30;
    let mut wav = Vec::with_capacity(44 + SAMPLES as usize * 2);
    wav.extend(b"RIFF");
    wav.extend((36 + SAMPLES * 2).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for word in [16, 1 | 1 << 16, RATE, RATE * 2, 2 | 16 << 16] {
        wav.extend(u32::to_le_bytes(word));
    }
    wav.extend(b"data");
    wav.extend((SAMPLES * 2).to_le_bytes());
    for n in 0..SAMPLES {
        let sample = (n % period) * 16_000 / period;
        wav.extend((sample as i16 - 8_000).to_le_bytes());
    }
    wav
}
