//! Whether two URIs mean the same (RFC 3261 §19.1.4).

use super::escape;
use super::params::Params;
use super::uri::{Scheme, Uri};

/// Parameters that make a difference also where only one of two URIs has them.
const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri<'_> {
    /// Whether `other` means the same. Unknown schemes are compared letter by letter.
    pub fn is_equivalent(&self, other: &Uri) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        if self.scheme == Scheme::Other || self.scheme == Scheme::Urn {
            return *self.text == *other.text;
        }
        let same = |one: Option<super::Text>, other: Option<super::Text>| {
            one.map(|text| plain(&text)) == other.map(|text| plain(&text))
        };
        let headers = |uri: &Uri| {
            let mut fields: Vec<_> = uri
                .header_fields()
                .map(|(name, value)| (name.to_ascii_lowercase(), plain(&value)))
                .collect();
            fields.sort();
            fields
        };
        same(self.user, other.user)
            && same(self.password, other.password)
            && same_host(self, other)
            && same_params(&self.params, &other.params)
            && headers(self) == headers(other)
    }
}

fn same_host(one: &Uri, other: &Uri) -> bool {
    let (Some(one), Some(other)) = (one.host_port, other.host_port) else {
        return one.host_port.is_none() && other.host_port.is_none();
    };
    let same = match (one.host.ip, other.host.ip) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.host.text.eq_ignore_ascii_case(&other.host.text),
        _ => false,
    };
    same && one.port.map(|port| port.number) == other.port.map(|port| port.number)
}

fn same_params(one: &Params, other: &Params) -> bool {
    let value = |params: &Params, name: &str| {
        let value = params.value(name);
        value.map(|value| plain(&value).to_ascii_lowercase())
    };
    let decisive =
        |name: &&str| one.has(name) == other.has(name) && value(one, name) == value(other, name);
    let shared = |name: &str| !other.has(name) || value(one, name) == value(other, name);
    DECISIVE.iter().all(decisive)
        && one
            .iter()
            .all(|param| param.name.as_str().is_none_or(shared))
}

fn plain(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    escape::unescape(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let (one, other) = (Uri::parse(one.as_bytes()), Uri::parse(other.as_bytes()));
        let (one, other) = (one.expect("a URI"), other.expect("a URI"));
        assert_eq!(one.is_equivalent(&other), other.is_equivalent(&one));
        one.is_equivalent(&other)
    }

    /// The examples of RFC 3261 §19.1.4.
    #[test]
    fn the_examples_of_the_rfc() {
        for (one, other) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:carol@chicago.com;newparam=5",
                "sip:carol@chicago.com;security=on",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=off",
                "sip:carol@chicago.com;security=on",
            ),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
        assert!(same("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"));
    }
}
