//! What a notification says: lines of `NAME=value`, of which the unknown are passed over.

use super::NAME_BYTES_MAX;

/// The name of a stored descriptor that was given none (sd_pid_notify_with_fds(3)).
const UNNAMED: &str = "stored";

/// A notification, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notification {
    /// The service is up.
    pub ready: bool,
    /// The service has begun to shut down.
    pub stopping: bool,
    /// One line for people.
    pub status: Option<String>,
    /// Keep the descriptors that came along, under this name.
    pub store: Option<String>,
    /// Forget the descriptors of this name.
    pub forget: Option<String>,
}

impl Notification {
    /// Reads a message. Whoever may send to the socket may send anything: what is not understood
    /// is passed over.
    pub fn parse(message: &[u8]) -> Self {
        let mut read = Self::default();
        let (mut store, mut forget, mut name) = (false, false, UNNAMED.to_owned());
        let text = String::from_utf8_lossy(message);
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match (key, value) {
                ("READY", "1") => read.ready = true,
                ("STOPPING", "1") => read.stopping = true,
                ("STATUS", text) => read.status = Some(text.to_owned()),
                ("FDSTORE", "1") => store = true,
                ("FDSTOREREMOVE", "1") => forget = true,
                ("FDNAME", given) if is_name(given) => name = given.to_owned(),
                _ => {}
            }
        }
        read.store = store.then(|| name.clone());
        read.forget = forget.then_some(name);
        read
    }
}

/// sd_pid_notify_with_fds(3): printable ASCII without colon.
pub(super) fn is_name(name: &str) -> bool {
    let printable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b':';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn assignments_are_found_among_others() {
        let read = Notification::parse(b"MAINPID=3\nREADY=1\nSTATUS=2 calls = fine\nnonsense\n");
        let expected = Notification {
            ready: true,
            status: Some("2 calls = fine".into()),
            ..Notification::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_descriptor_has_a_name_that_can_be_handed_on() {
        let stored = |text: &str| Notification::parse(text.as_bytes()).store;
        assert_eq!(stored("FDSTORE=1\nFDNAME=region"), Some("region".into()));
        assert_eq!(stored("FDNAME=region\nFDSTORE=1"), Some("region".into()));
        assert_eq!(stored("FDSTORE=1"), Some(UNNAMED.into()));
        assert_eq!(stored("FDSTORE=1\nFDNAME=a:b"), Some(UNNAMED.into()));
        assert_eq!(stored("FDNAME=region"), None);
        let read = Notification::parse(b"FDSTOREREMOVE=1\nFDNAME=region");
        assert_eq!((read.store, read.forget), (None, Some("region".into())));
    }

    proptest! {
        #[test]
        fn anything_may_be_sent(message: Vec<u8>) {
            let read = Notification::parse(&message);
            prop_assert!(read.store.is_none_or(|name| is_name(&name)));
        }
    }
}
