//! Someone who answers on control.sock as a running Strait does, with known words.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Mutex},
};

/// What is answered to `GET /status`.
pub const GATEWAYS: &str = r#"[{"name":"[192.168.1.5]:2944","protocol":"h248","realm":"access",
    "remote":"203.0.113.7:40001","silent_for_ms":12000,"controller":"mgc-1","registered":true,
    "known_as":"198.51.100.1:30017","legs":3}]"#;
pub const STATUS: &str = include_str!("../status.json");
/// What is answered to `GET /calls`.
pub const CALLS: &str = include_str!("../calls.json");

/// A runtime directory in which someone answers.
pub struct Place {
    directory: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Place {
    /// Its path.
    pub fn path(&self) -> &str {
        self.directory.path().to_str().expect("plain text")
    }

    /// How often `request`, such as `POST /drain`, was asked.
    pub fn asked(&self, request: &str) -> usize {
        self.asked
            .lock()
            .expect("whole")
            .iter()
            .filter(|asked| *asked == request)
            .count()
    }
}

/// Answers until the test is over.
pub fn answering() -> Place {
    let directory = tempfile::tempdir().expect("a directory");
    let listener = UnixListener::bind(directory.path().join("control.sock")).expect("bound");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(request) = request(&stream) {
                noted.lock().expect("whole").push(request.clone());
                answer(stream, &request);
            }
        }
    });
    Place { directory, asked }
}

/// Method and path, once the head is read to its end.
fn request(stream: &UnixStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            break;
        }
    }
    Some(first.rsplit_once(' ')?.0.to_owned())
}

fn answer(mut stream: UnixStream, request: &str) {
    let calls: serde_json::Value = serde_json::from_str(CALLS).expect("JSON");
    let (status, body) = match request {
        "GET /status" => ("200 OK", STATUS.to_owned()),
        "GET /gateways" => ("200 OK", GATEWAYS.to_owned()),
        "GET /calls" => ("200 OK", CALLS.to_owned()),
        "GET /calls/1" => ("200 OK", calls[0].to_string()),
        "DELETE /calls/1" | "POST /drain" => ("202 Accepted", String::new()),
        _ => (
            "404 Not Found",
            "{\"problem\":\"there is no call 99\"}".to_owned(),
        ),
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
}
