//! Accepting connections on one TCP signalling address.

use std::rc::Rc;

use strait_config::RealmIndex;
use tokio::net::TcpListener;

use super::connections::Connections;
use crate::gateway::io::{Flow, ListenerIndex, Transport};
use crate::transport::counters::Counter;
use crate::transport::limits::ACCEPT_PAUSE;

/// Accepts until the process ends.
pub async fn run(
    socket: TcpListener,
    realm: RealmIndex,
    listener: ListenerIndex,
    connections: Rc<Connections>,
) {
    loop {
        match socket.accept().await {
            Ok((stream, remote)) => {
                let transport = Transport::Tcp;
                let flow = Flow {
                    realm,
                    listener,
                    transport,
                    remote,
                    connection: None,
                };
                connections.accepted(stream, flow);
            }
            // The peer may be gone again, or descriptors be short: neither is for ever.
            Err(_) => {
                connections.counters().count(Counter::TcpAcceptFailed);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
