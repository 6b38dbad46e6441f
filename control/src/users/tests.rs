//! Files of users, good and bad.

use std::fs;
use std::time::Duration;

use strait_digest::Algorithm;
use tempfile::TempDir;

use super::*;

const YAML: &str = "\
# Everybody.
- user: alice
  domain: example.net
  password: 007
- { user: bob, domain: example.net, md5: 00112233445566778899aabbccddeeff }
- user: \"carol \\u00e9\"
  domain: example.org
  password: 'it''s'
";

const CSV: &str = "id,username,domain,password,ha1,ha1b,ha1_sha256
1,alice,example.net,007,,,
2,bob,example.net,,00112233445566778899aabbccddeeff,x,
3,\"carol \u{e9}\",example.org,it's,,,
";

fn load(name: &str, text: &str) -> Result<Users, String> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    let cut = format!("{}/", directory.path().display());
    Users::load(&path).map_err(|error| error.to_string().replace(&cut, ""))
}

#[test]
fn both_kinds_of_file_say_the_same() {
    for (name, text) in [("users.yaml", YAML), ("users.CSV", CSV)] {
        let users = load(name, text).unwrap();
        assert_eq!(users.len(), 3, "{name}");
        let secret = |domain, user: &str, password: &str| {
            let made = strait_digest::secret(
                Algorithm::Md5,
                user.as_bytes(),
                str::as_bytes(domain),
                password.as_bytes(),
            );
            assert_eq!(
                users.secret(domain, user, Algorithm::Md5),
                Some(made),
                "{name} {user}"
            );
        };
        secret("example.net", "alice", "007");
        secret("example.org", "carol \u{e9}", "it's");
        assert!(users.has("example.net", "bob"));
        assert_eq!(users.algorithms(), [Algorithm::Md5]);
    }
}

#[test]
fn an_empty_file_has_no_users() {
    for text in ["", "[]", "~", "# nobody\n", "---\n"] {
        assert!(load("users.yaml", text).unwrap().is_empty(), "{text:?}");
    }
    assert!(
        load("users.csv", "username,domain,password\n")
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_to_do() {
    let yaml = |text: &str| load("users.yaml", text).unwrap_err();
    let entry = "- user: a\n  domain: b\n";
    says(
        &yaml("users: []"),
        "users.yaml:1: this is not a list: write a list",
    );
    says(&yaml("- alice"), "users.yaml:1: this is not a user: write");
    says(
        &yaml(&format!("{entry}  pasword: c\n")),
        "users.yaml:3: unknown key `pasword`: there",
    );
    says(
        &yaml(&format!("{entry}  domain: c\n")),
        "users.yaml:3: `domain` stands there twice",
    );
    says(&yaml(entry), "users.yaml:1: the entry has no secret: give");
    says(
        &yaml("- user: a\n  password: b"),
        "users.yaml:1: the entry has no `domain`: each",
    );
    says(
        &yaml(&format!("{entry}  md5: 00\n")),
        "users.yaml:1: `md5` is not 32 hexadecimal",
    );
    says(
        &yaml(&format!("{entry}  md5: [00]\n")),
        "users.yaml:3: this is not a text: write",
    );
    says(&yaml("- {user: a\n"), "users.yaml:2: this is not YAML (");
    let twice = format!("{YAML}- {{user: alice, domain: EXAMPLE.net, password: x}}\n");
    says(
        &yaml(&twice),
        "users.yaml:9: the same user as on line 2: leave",
    );

    let csv = |text: &str| load("users.csv", text).unwrap_err();
    says(
        &csv("username,password\n"),
        "users.csv:1: the first line names no column `domain`",
    );
    says(
        &csv("username,domain\n"),
        "users.csv:1: the first line names no column `password`",
    );
    says(
        &csv("username,domain,ha1\na,b\n"),
        "users.csv:2: 2 fields where the first line",
    );
    says(
        &csv("username,domain,ha1\na,b,0\n"),
        "users.csv:2: `ha1` is not 32 hexadecimal",
    );
    says(
        &csv("username,domain,ha1\n\"a\nb\",,0\n"),
        "users.csv:2: the entry has no `domain`",
    );
}

fn says(error: &str, start: &str) {
    assert!(error.starts_with(start), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Users::load(Path::new("/nowhere/users.yaml")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/users.yaml: cannot be read (")
    );
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("users.csv");
    fs::write(&path, b"username,domain,password\n\xff,b,c\n").unwrap();
    assert!(Users::load(&path).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_read_and_a_broken_one_is_not_taken() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("users.yaml");
    fs::write(&path, YAML).unwrap();
    let (users, mut watch) = Watch::open(&path).unwrap();
    assert_eq!(users.len(), 3);
    let unchanged = tokio::time::timeout(Duration::from_secs(60), watch.changed()).await;
    assert!(unchanged.is_err(), "nothing has changed");
    for broken in ["- nobody\n", ""] {
        match broken {
            "" => fs::remove_file(&path).unwrap(),
            text => fs::write(&path, text).unwrap(),
        }
        let waited = tokio::time::timeout(Duration::from_secs(60), watch.changed()).await;
        assert!(waited.is_err(), "a broken file is taken");
    }
    let other = directory.path().join("other");
    fs::write(&other, "- {user: dave, domain: example.net, password: x}\n").unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(watch.changed().await.has("example.net", "dave"));
}
