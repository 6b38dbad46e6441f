//! NAT boxes by nftables, in the kinds of RFC 4787 that real access networks show.

use crate::namespace::Namespace;

/// What kind of NAT a host stands behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One port for all destinations, open to anyone (endpoint-independent mapping and filtering).
    FullCone,
    /// A random port per destination, open to that destination only.
    Symmetric,
}

/// Turns `host` into a NAT from its interface `inside` to its interface `outside`.
///
/// `private` is the one host behind it, for the full cone's inbound rule.
pub fn install(host: &Namespace, kind: Kind, inside: &str, outside: &str, private: &str) {
    host.sysctl("net.ipv4.ip_forward", "1");
    let source_nat = match kind {
        Kind::FullCone => "masquerade persistent",
        Kind::Symmetric => "masquerade fully-random",
    };
    let inbound = match kind {
        Kind::FullCone => format!("iifname \"{outside}\" udp dport 1024-65535 dnat to {private}"),
        Kind::Symmetric => String::new(),
    };
    let unsolicited = match kind {
        Kind::FullCone => "accept",
        Kind::Symmetric => "drop",
    };
    host.nft(&format!(
        "table ip nat {{
            chain prerouting {{ type nat hook prerouting priority dstnat; {inbound}; }}
            chain postrouting {{ type nat hook postrouting priority srcnat;
                oifname \"{outside}\" {source_nat}; }}
        }}
        table ip filter {{
            chain forward {{ type filter hook forward priority filter; policy {unsolicited};
                ct state established,related accept; iifname \"{inside}\" accept; }}
        }}"
    ));
}
