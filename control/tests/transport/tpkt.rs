//! Connections of H.248: messages in TPKT packets both ways, beside those of SIP.

use std::net::SocketAddr;
use std::rc::Rc;

use strait_config::Config;
use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport as Protocol};
use strait_control::transport::{Transport, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::support::{Memory, own_address};

fn start() -> (Rc<Transport>, Rc<Memory>, SocketAddr) {
    let own = own_address();
    let text = format!(
        "realms:\n- name: access\n  media: [{{ address: 127.0.0.1, ports: 20000-20001 }}]\n  \
         gateway_control:\n    \
         addresses: [{{ protocol: h248, transport: tcp, address: {own} }}]\n    \
         controllers: [mgc]\n\
         - name: core\n  media: [{{ address: 127.0.0.1, ports: 20002-20003 }}]\n  \
         gateway_control:\n    addresses: [\
         {{ protocol: h248, transport: tcp, address: {own}, ports: 30000-30001 }}]\n\
         controllers: [{{ name: mgc, realm: core, protocol: h248, transport: tcp, \
         address: \"127.0.0.9:2944\" }}]\n"
    );
    let config: Config = text.parse().unwrap_or_else(|report| panic!("{report}"));
    let memory = Rc::new(Memory::default());
    let bound = bind::bind(&config).unwrap();
    let transport = Transport::start(&config, bound, memory.clone()).unwrap();
    (transport, memory, SocketAddr::new(own.into(), 2944))
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(LocalSet::new().run_until(test()));
}

#[test]
fn packets_are_cut_from_a_stream_however_it_arrives() {
    run(async || {
        let (transport, memory, at) = start();
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in [
            &b"\x03\0\0"[..],
            b"\x09hel",
            b"lo\x03\0\0\x04\x03\0\0\x06!",
            b"/",
        ] {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        let (flow, first) = memory.message().await;
        assert_eq!(first, "hello");
        assert_eq!(memory.message().await.1, "!/");
        transport.send(&flow, b"MEGACO/1".to_vec()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\x03\0\0\x0cMEGACO/1");
        assert!(
            transport.send(&flow, vec![b'x'; 65_532]).is_err(),
            "no packet is that long"
        );
    });
}

#[test]
fn what_is_no_packet_ends_the_connection() {
    run(async || {
        let (_transport, memory, at) = start();
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream
            .write_all(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n")
            .await
            .unwrap();
        memory.disconnected().await;
        assert_eq!(stream.read(&mut [0; 10]).await.unwrap_or(0), 0);
    });
}

#[test]
fn a_connection_to_a_controller_speaks_in_packets_too() {
    run(async || {
        let (transport, memory, _) = start();
        let controller = TcpListener::bind((own_address(), 2944)).await.unwrap();
        let flow = Flow {
            realm: RealmIndex(1),
            listener: ListenerIndex(1),
            transport: Protocol::Tcp,
            remote: controller.local_addr().unwrap(),
            connection: None,
        };
        transport.send(&flow, b"!/1".to_vec()).unwrap();
        let (mut stream, _) = controller.accept().await.unwrap();
        let mut heard = [0; 7];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"\x03\0\0\x07!/1");
        stream.write_all(b"\x03\0\0\x06ok").await.unwrap();
        let (from, text) = memory.message().await;
        assert_eq!((from.listener, &*text), (ListenerIndex(1), "ok"));
    });
}
