//! What the network reports about datagrams it could not deliver (ip(7), `IP_RECVERR`).

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{sock_extended_err, sockaddr_in6};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

use crate::sip::{HeaderName, Message, StartLine, Via};

/// Bytes of the returned datagram that are looked at: enough for a first line and a Via.
const QUOTED_BYTES: usize = 1_024;

/// A datagram that did not arrive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Where it was to go.
    pub remote: SocketAddr,
    /// The branch of its top Via, where so much of it came back.
    pub branch: Option<Vec<u8>>,
}

/// Reads one report; `Ok(None)` when the one read says nothing about a request being undeliverable.
/// `WouldBlock` when there are no more.
pub(super) fn read(socket: &impl AsRawFd) -> io::Result<Option<Report>> {
    let mut quoted = [0; QUOTED_BYTES];
    let mut control = cmsg_space!(sock_extended_err, sockaddr_in6);
    let mut slices = [IoSliceMut::new(&mut quoted)];
    let flags = MsgFlags::MSG_ERRQUEUE;
    let fd = socket.as_raw_fd();
    let received = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut control), flags)?;
    let is_final = received.cmsgs()?.any(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            is_unreachable(error.ee_errno)
        }
        _ => false,
    });
    let remote = received.address.as_ref().and_then(socket_addr);
    let len = received.bytes;
    Ok(remote.filter(|_| is_final).and_then(|remote| {
        let branch = request_branch(&quoted[..len]).ok()?;
        Some(Report { remote, branch })
    }))
}

/// Nobody is there. A datagram that was too long or took too long says nothing of that kind.
fn is_unreachable(errno: u32) -> bool {
    let errno = i32::try_from(errno).map(Errno::from_raw);
    matches!(
        errno,
        Ok(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::ENOPROTOOPT)
    )
}

struct NoRequest;

/// The branch of a returned request, `None` where too little of it came back; nothing for
/// responses and keep-alives, which no transaction waits on.
fn request_branch(quoted: &[u8]) -> Result<Option<Vec<u8>>, NoRequest> {
    if quoted.iter().all(|byte| matches!(byte, b'\r' | b'\n')) && !quoted.is_empty() {
        return Err(NoRequest);
    }
    let branch = |header: crate::sip::Header| {
        let via = Via::parse(quoted, header.value)?;
        Some(via.branch()?.as_bytes().to_vec())
    };
    match Message::parse(quoted) {
        Ok(message) => match message.start_line() {
            StartLine::Response { .. } => Err(NoRequest),
            StartLine::Request { .. } => {
                Ok(message.header(HeaderName::Via).copied().and_then(branch))
            }
        },
        Err(error) if error.is_response() => Err(NoRequest),
        Err(error) => Ok(error.header(HeaderName::Via).and_then(branch)),
    }
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_read_from_what_came_back() {
        let request = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nTo: <si";
        assert_eq!(
            request_branch(request).ok().flatten(),
            Some(b"z9hG4bKx".to_vec())
        );
        assert!(matches!(request_branch(&request[..20]), Ok(None)));
        assert!(matches!(request_branch(b""), Ok(None)));
        assert!(request_branch(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h").is_err());
        assert!(request_branch(b"\r\n\r\n").is_err());
    }
}
