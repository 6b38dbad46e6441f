//! Addresses that cannot be taken, and what is said about it.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use strait_config::Config;
use strait_control::transport::bind::{BindError, bind};

use crate::support::own_address;

fn config(transport: &str, address: SocketAddr) -> Config {
    let (ip, port) = (address.ip(), address.port());
    let text = format!(
        "realms:\n- name: access\n  \
         signalling: [{{ transport: {transport}, address: {ip}, port: {port} }}]\n  \
         media: [{{ address: 127.0.0.1, ports: 20000-20001 }}]\n"
    );
    text.parse().unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn an_address_in_use_is_named() {
    let address = SocketAddr::new(own_address().into(), 5060);
    let _udp = UdpSocket::bind(address).unwrap();
    let _tcp = TcpListener::bind(address).unwrap();
    for transport in ["udp", "tcp"] {
        let error = bind(&config(transport, address)).unwrap_err();
        assert!(matches!(error, BindError::InUse(..)));
        let expected = format!(
            "{transport} {address} is in use: stop what listens there, or change the \
             address in realm `access`"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_address_of_another_machine_is_named() {
    let error = bind(&config("udp", "192.0.2.77:5060".parse().unwrap())).unwrap_err();
    assert!(matches!(error, BindError::NotHere(..)));
    assert!(error.to_string().contains("no address of this machine"));
}

#[test]
fn a_privileged_port_says_which_privilege() {
    let error = match bind(&config("udp", SocketAddr::new(own_address().into(), 81))) {
        Ok(_) => {
            println!("skipped: this process may bind privileged ports");
            return;
        }
        Err(error) => error,
    };
    assert!(matches!(error, BindError::Privilege(..)));
    assert!(error.to_string().contains("CAP_NET_BIND_SERVICE"));
}
