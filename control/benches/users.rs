//! What users cost: reading a million of them, finding one, checking an answer, challenging.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use divan::{Bencher, black_box};
use strait_control::digest::Authenticator;
use strait_control::sip::{HeaderName, Message};
use strait_control::users::Users;
use strait_digest::{Algorithm, Answer, Client, secret};
use strait_shared::time::Instant;
use tempfile::TempDir;

const USERS: usize = 1_000_000;
const NOW: Instant = Instant::from_millis(1);

fn main() {
    divan::main();
}

struct Files {
    _directory: TempDir,
    csv: PathBuf,
    yaml: PathBuf,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let directory = TempDir::new().expect("there is a place for temporary files");
    let mut csv = String::from("username,domain,password\n");
    let mut yaml = String::new();
    for number in 0..USERS {
        writeln!(csv, "user{number},example.net,secret{number}").expect("memory is there");
        let (user, password) = (format!("user{number}"), format!("secret{number}"));
        writeln!(
            yaml,
            "- user: {user}\n  domain: example.net\n  password: {password}"
        )
        .expect("memory is there");
    }
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("the folder is writable");
        path
    };
    Files {
        csv: write("users.csv", &csv),
        yaml: write("users.yaml", &yaml),
        _directory: directory,
    }
});

static TABLE: LazyLock<Users> = LazyLock::new(|| Users::load(&FILES.csv).expect("it is a table"));

#[divan::bench(sample_count = 3, sample_size = 1)]
fn load_a_million_from_csv(bencher: Bencher) {
    LazyLock::force(&FILES);
    bencher.bench(|| Users::load(&FILES.csv).expect("it is a table"));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn load_a_million_from_yaml(bencher: Bencher) {
    LazyLock::force(&FILES);
    bencher.bench(|| Users::load(&FILES.yaml).expect("it is a list"));
}

#[divan::bench]
fn find_one_of_a_million(bencher: Bencher) {
    let mut number = 0;
    LazyLock::force(&TABLE);
    bencher
        .with_inputs(|| {
            number = (number + 7919) % USERS;
            format!("user{number}")
        })
        .bench_local_refs(|user| TABLE.secret("example.net", user, Algorithm::Md5));
}

#[divan::bench]
fn challenge(bencher: Bencher) {
    let mut authenticator = Authenticator::new(
        &[1; 32],
        Duration::from_secs(60),
        &[Algorithm::Sha256, Algorithm::Md5],
    );
    LazyLock::force(&TABLE);
    bencher.bench_local(|| authenticator.challenge(NOW, "example.net", false, &TABLE));
}

#[divan::bench(args = [Algorithm::Md5, Algorithm::Sha256])]
fn check(bencher: Bencher, algorithm: Algorithm) {
    let mut authenticator = Authenticator::new(
        &[1; 32],
        Duration::from_secs(60),
        &[Algorithm::Sha256, Algorithm::Md5],
    );
    let challenges = authenticator.challenge(NOW, "example.net", false, &TABLE);
    let nonce = challenges[0]
        .split('"')
        .nth(3)
        .expect("it has a nonce")
        .to_owned();
    let mut count = 0;
    bencher
        .with_inputs(|| {
            count += 1;
            register(algorithm, &nonce, count)
        })
        .bench_local_refs(|request| {
            let request = Message::parse(black_box(request)).expect("it is a request");
            let header = HeaderName::Authorization;
            authenticator
                .check(NOW, b"REGISTER", &request, header, "example.net", &TABLE)
                .expect("the answer is right")
        });
}

fn register(algorithm: Algorithm, nonce: &str, count: u32) -> Vec<u8> {
    let count = format!("{count:08x}");
    let answer = Answer {
        method: b"REGISTER",
        uri: b"sip:example.net",
        nonce: nonce.as_bytes(),
        client: Some(Client {
            count: count.as_bytes(),
            nonce: b"mine",
        }),
    };
    let secret = secret(algorithm, b"user77", b"example.net", b"secret77");
    format!(
        "REGISTER sip:example.net SIP/2.0\r\nAuthorization: Digest username=\"user77\", \
         realm=\"example.net\", nonce=\"{nonce}\", uri=\"sip:example.net\", algorithm={algorithm}, \
         response=\"{}\", qop=auth, nc={count}, cnonce=\"mine\"\r\n\r\n",
        answer.response(&secret)
    )
    .into_bytes()
}
