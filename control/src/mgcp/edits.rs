//! What a proxy changes in a message: who and where, each as its place asks for it.

use std::net::{IpAddr, SocketAddr};

use super::name::{Domain, NotifiedEntity};
use crate::sip::Splices;

/// Has an address stand for a domain: in brackets, or without where an IPv4 one stood without.
pub fn domain(edits: &mut Splices, domain: &Domain, ip: IpAddr) {
    let bare = domain.ip.is_some() && !domain.text.starts_with(b"[") && ip.is_ipv4();
    match bare {
        true => edits.replace_fmt(domain.text.span(), format_args!("{ip}")),
        false => edits.replace_fmt(domain.text.span(), format_args!("[{ip}]")),
    }
}

/// Has somebody else be told: under the same name, at another address and port.
pub fn entity(edits: &mut Splices, entity: &NotifiedEntity, address: SocketAddr) {
    let (ip, port) = (address.ip(), address.port());
    edits.replace_fmt(entity.host.span(), format_args!("[{ip}]:{port}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mgcp::messages;

    #[test]
    fn domains_and_entities_change_and_nothing_else() {
        let text = b"RQNT 1 aaln/1@[10.0.0.7]  MGCP 1.0\r\nn:  ca@10.0.0.1:5678 \r\nX: 1\r\n.\r\n\
            200 9 a@10.0.0.7\nZ: a/1@10.0.0.7\nZ: a/2@gw.example.net\n";
        let ip: IpAddr = "192.0.2.9".parse().unwrap();
        let mut out = Vec::new();
        for message in messages(text) {
            let message = message.unwrap();
            let mut changes = Splices::new();
            if let Some(command) = message.command() {
                domain(&mut changes, &command.endpoint.domain, ip);
            }
            if let Some(known) = message.notified_entity() {
                entity(&mut changes, &known, "[2001:db8::1]:2727".parse().unwrap());
            }
            for endpoint in message.specific_endpoints() {
                domain(&mut changes, &endpoint.domain, ip);
            }
            message.render(&changes, &mut out);
        }
        let expected = "RQNT 1 aaln/1@[192.0.2.9]  MGCP 1.0\r\nn:  ca@[2001:db8::1]:2727 \r\n\
            X: 1\r\n.\r\n200 9 a@10.0.0.7\nZ: a/1@192.0.2.9\nZ: a/2@[192.0.2.9]\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
