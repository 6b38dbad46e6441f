//! A phone whose media moves in mid-call: to another interface, another address, other ports.

use std::net::{IpAddr, SocketAddr};

use strait_shared::time::Instant;

use super::{CallHandle, Phone, State};

/// A port that moves goes this part of all pairs on: its neighbours are other calls', and where it
/// was before is not soon its place again.
const PART: u16 = 4;

impl Phone {
    /// The media of a call is to be at another address of this phone, on other ports. Until the
    /// other side has agreed it stays where it is; where the other side refuses, it remains there.
    /// Who is on the move already goes on with that.
    pub fn move_media(&mut self, now: Instant, handle: CallHandle, to: IpAddr) {
        let (first, pairs) = (self.config.first_media_port, self.config.media_port_pairs);
        let call = self.calls.get_mut(&handle);
        let stands =
            |call: &&mut super::Call| call.state == State::Established && !call.stream.moves();
        let Some(call) = call.filter(stands) else {
            return;
        };
        let pair = (call.stream.local().port() - first) / 2;
        let pair = (pair + pairs / PART) % pairs;
        call.stream.move_to(SocketAddr::new(to, first + 2 * pair));
        self.offer_again(now, handle);
    }
}
