//! Watches for addresses of one side in what Strait sends to the other.

use std::net::{IpAddr, SocketAddr};

use super::place::Place;

/// What each side must not see.
pub struct Leaks {
    /// Addresses of the core network, and the receiving addresses they are hidden from.
    core: Vec<String>,
    access: Vec<String>,
    core_hosts: Vec<IpAddr>,
    found: Vec<String>,
}

impl Leaks {
    /// Nothing seen yet. `private` are the addresses of the phones behind NATs.
    pub fn new(place: &Place, private: impl IntoIterator<Item = IpAddr>) -> Self {
        let core_hosts = vec![place.softswitch().ip(), place.core_phone().ip()];
        let strait = place.core().ip();
        let core = core_hosts.iter().chain([&strait]).map(IpAddr::to_string);
        let nats = [place.nat(1), place.nat(2)].map(IpAddr::V4);
        let access = private.into_iter().chain(nats).chain([place.access().ip()]);
        Self {
            core: core.collect(),
            access: access.map(|ip| ip.to_string()).collect(),
            core_hosts,
            found: Vec::new(),
        }
    }

    /// Looks at a datagram that Strait sent. Media carries no addresses.
    pub fn watch(&mut self, destination: SocketAddr, payload: &[u8]) {
        let Ok(text) = std::str::from_utf8(payload) else {
            return;
        };
        let hidden = if self.core_hosts.contains(&destination.ip()) {
            &self.access
        } else {
            &self.core
        };
        let leaked = hidden.iter().find(|address| contains(text, address));
        if let Some(address) = leaked {
            let line = text
                .lines()
                .find(|line| contains(line, address))
                .unwrap_or_default();
            let line = crate::print::plain(line);
            self.found
                .push(format!("{address} was shown to {destination}: {line}"));
        }
    }

    /// Every datagram that showed too much, in words.
    pub fn found(&self) -> &[String] {
        &self.found
    }
}

/// Whether `text` contains the address, and not merely a longer one that begins or ends like it.
fn contains(text: &str, address: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    text.match_indices(address).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !part(before) && !part(text[at + address.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_addresses_of_the_other_side_count() {
        assert!(contains("c=IN IP4 10.0.0.7\r\n", "10.0.0.7"));
        assert!(!contains("10.0.0.77 110.0.0.7", "10.0.0.7"));

        let place = Place::find().unwrap();
        let (core, access) = (place.softswitch(), SocketAddr::from((place.nat(1), 5060)));
        let mut leaks = Leaks::new(&place, ["10.0.0.7".parse().unwrap()]);
        leaks.watch(core, format!("Contact: {}", place.core()).as_bytes());
        leaks.watch(
            access,
            format!("Via: {}, 10.0.0.7", place.access()).as_bytes(),
        );
        assert!(leaks.found().is_empty(), "{:?}", leaks.found());
        leaks.watch(core, b"INVITE\r\no=- 1 1 IN IP4 10.0.0.7\r\n");
        leaks.watch(access, format!("Route: <sip:{core}>").as_bytes());
        assert_eq!(leaks.found().len(), 2);
        assert!(leaks.found()[0].ends_with("o=- 1 1 IN IP4 10.0.0.7"));
    }
}
