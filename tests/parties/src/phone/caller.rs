//! The calling side of a call until it is established (RFC 3261 §13.2, §9.1).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rsip::Method;
use strait_shared::time::Instant;

use super::call::{Agreement, Call};
use super::reliable;
use super::requests::ALLOW;
use super::stream::{Parts, Stream};
use super::{CallHandle, EndReason, Event, Offer, Phone, Purpose, State};
use crate::party::Datagram;
use crate::rtp::voice::Voice;
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::uri::Uri;
use crate::sip::version::Version;

impl Phone {
    /// Calls a user of the own domain, or `user@domain`.
    pub fn call(&mut self, now: Instant, user: &str, offer: Offer) -> CallHandle {
        let target = self.uri_of(user);
        self.place(now, &target, offer, None)
    }

    /// Ends a call, whatever that takes at the moment: CANCEL, a rejection, or BYE.
    pub fn hang_up(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        match call.state {
            State::Calling if call.proceeding => self.cancel(now, handle),
            // CANCEL has to wait for a provisional response (§9.1).
            State::Calling => call.cancel_wanted = true,
            State::Incoming => self.reject(now, handle, 486),
            State::Established => self.send_bye(now, handle),
            State::Leaving | State::Ended => {}
        }
    }

    pub(super) fn place(
        &mut self,
        now: Instant,
        target: &Uri,
        offer: Offer,
        referrer: Option<CallHandle>,
    ) -> CallHandle {
        let user = target.user.clone().unwrap_or_default();
        let call_id = format!("{:016x}", self.random.u64(..));
        let version = self.first_version();
        let handle = self.add_call(now, State::Calling, &user, &call_id, version);
        let mut request = Message::request(Method::Invite, target);
        request.push("Max-Forwards", "70");
        let tag = self.random.u32(..);
        request.push("From", format!("<{}>;tag={tag:08x}", self.own_uri()));
        request.push("To", format!("<{target}>"));
        request.push("Call-ID", call_id);
        request.push("CSeq", "1 INVITE");
        request.push("Contact", self.contact_at(self.config.proxy));
        request.push("Allow", ALLOW);
        if self.config.reliable {
            reliable::mention(&mut request);
        }
        self.mention_session(&mut request, None);
        let call = self
            .calls
            .get_mut(&handle)
            .expect("the call was just added");
        call.referrer = referrer;
        if offer == Offer::Early {
            let text = call.offer();
            request.set_body("application/sdp", text);
            call.offers = true;
        }
        self.send(now, request, self.config.proxy, Purpose::Invite(handle), 0);
        handle
    }

    pub(super) fn invite_response(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) {
        let status = response.status().unwrap_or_default();
        if status == 422 && self.ask_for_longer(now, handle, request, response)
            || status >= 300 && self.call_again(now, handle, request, response)
            || status / 100 == 3 && self.follow(now, handle, request, response)
        {
            return;
        }
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        match (status, call.state) {
            (100..=199, State::Calling) => self.progress(now, handle, request, response),
            (200..=299, State::Calling) => self.established(now, handle, request, response),
            (200..=299, _) if call.dialog.as_ref().is_some_and(|d| !d.is_with(response)) => {
                self.dismiss(now, handle, request, response);
            }
            (200..=299, _) => self.repeat_ack(request),
            (300.., State::Calling) => {
                let reason = match status {
                    487 if call.cancel_wanted => EndReason::Cancelled,
                    _ => EndReason::Rejected(status),
                };
                self.end(now, handle, reason);
            }
            _ => {}
        }
    }

    /// Sends the ACK to a 2xx and keeps it for the 2xx's repetitions.
    pub(super) fn send_ack(&mut self, handle: CallHandle, acknowledged: u32, body: Option<String>) {
        let hop = self.hop_of(handle);
        let (via, source) = (self.via(hop), self.own_towards(hop));
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some(dialog) = call.dialog.as_mut() else {
            return;
        };
        let mut ack = dialog.request(Method::Ack, Some(acknowledged));
        ack.push_front("Via", via);
        if let Some(body) = body {
            ack.set_body("application/sdp", body);
        }
        let datagram = Datagram {
            source,
            destination: hop,
            payload: ack.to_bytes(),
        };
        call.ack = Some((acknowledged, datagram.clone()));
        self.out.push_back(datagram);
    }

    /// Another phone has answered the same call: it is told that it came too late (§13.2.2.4).
    fn dismiss(&mut self, now: Instant, handle: CallHandle, request: &Message, response: &Message) {
        let number = request.cseq().map_or(1, |cseq| cseq.number);
        let (Some(mut dialog), Some(tag)) =
            (Dialog::from_response(request, response), response.tag("To"))
        else {
            return;
        };
        let hop = dialog.next_hop().and_then(|hop| hop.address());
        let hop = hop.unwrap_or(self.config.proxy);
        let mut ack = dialog.request(Method::Ack, Some(number));
        ack.push_front("Via", self.via(hop));
        self.out.push_back(Datagram {
            source: self.own_towards(hop),
            destination: hop,
            payload: ack.to_bytes(),
        });
        let call = self.calls.get_mut(&handle);
        if call.is_some_and(|call| call.dismissed.insert(tag)) {
            let bye = dialog.request(Method::Bye, None);
            self.send(now, bye, hop, Purpose::Untended, 0);
        }
    }

    /// A 2xx came again: so does its ACK.
    pub(super) fn repeat_ack(&mut self, request: &Message) {
        let number = request.cseq().map(|cseq| cseq.number);
        let acks = self
            .calls
            .values()
            .filter(|call| call.call_id == request.call_id());
        let repeated = acks
            .filter_map(|call| call.ack.as_ref())
            .find(|(acknowledged, _)| Some(*acknowledged) == number)
            .map(|(_, datagram)| datagram.clone());
        self.out.extend(repeated);
    }

    pub(super) fn add_call(
        &mut self,
        now: Instant,
        state: State,
        user: &str,
        call_id: &str,
        version: Version,
    ) -> CallHandle {
        let handle = CallHandle(self.next_call);
        self.next_call += 1;
        let stream = self.stream_with(handle, user, version);
        let call = Call {
            handle,
            state,
            remote_user: user.to_owned(),
            call_id: call_id.to_owned(),
            began: now,
            end_reason: None,
            dialog: None,
            stream,
            hop: self.config.proxy,
            tried: vec![version],
            followed: 0,
            server: None,
            told: None,
            early: BTreeMap::new(),
            updated: None,
            offers: false,
            invite: None,
            proceeding: false,
            cancel_wanted: false,
            unacknowledged: None,
            ack: None,
            dismissed: BTreeSet::new(),
            agreement: Agreement {
                session: self.random.u64(..1 << 62),
                version: 0,
                laws: self.config.laws.clone(),
                hold: None,
                local: None,
                awaiting_answer: false,
                complete: false,
            },
            session: None,
            referrer: None,
        };
        self.calls.insert(handle, call);
        handle
    }

    /// Media for a call that is made again, in another IP version.
    pub(super) fn new_stream(&mut self, handle: CallHandle, version: Version) -> Stream {
        let call = self.calls.get(&handle);
        let user = call.map_or(String::new(), |call| call.remote_user.clone());
        self.stream_with(handle, &user, version)
    }

    fn stream_with(&mut self, handle: CallHandle, user: &str, version: Version) -> Stream {
        let pair = (handle.0 % u32::from(self.config.media_port_pairs.max(1))) as u16;
        let port = self.config.first_media_port + 2 * pair;
        let media = self.media_in(version).unwrap_or(self.config.media);
        let (rtp, rtcp) = (
            SocketAddr::new(media, port),
            SocketAddr::new(media, port + 1),
        );
        let own = self.config.voices.get(&self.config.user).cloned();
        let other = self.media_besides(version);
        Stream::new(Parts {
            rtp,
            reflected: (self.reflection.of(rtp), self.reflection.of(rtcp)),
            alternative: other.map(|ip| SocketAddr::new(ip, port)),
            own_voice: own.unwrap_or_else(|| Voice::synthesised(&self.config.user, 440.0, 1)),
            expected: self.config.voices.get(user).cloned(),
            interval: self.config.rtcp_interval,
            mux: self.config.rtcp_mux,
            symmetric: self.config.symmetric,
            cname: format!("{}@{}", self.config.user, self.config.domain),
            seed: self.random.u64(..),
        })
    }

    fn progress(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) {
        let status = response.status().unwrap_or_default();
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.proceeding = true;
        call.invite = Some(request.clone());
        if !response.body.is_empty() && call.agreement.awaiting_answer {
            // Early media; the answer may come again, or differ for another fork: the 2xx counts.
            call.take_answer(now, &response.body);
            call.agreement.awaiting_answer = true;
        }
        if reliable::is_reliable(response) {
            self.told_early(now, handle, request, response);
        }
        self.events.push_back(Event::Progress {
            call: handle,
            status,
        });
        self.report_transfer(now, handle);
        if self
            .calls
            .get(&handle)
            .is_some_and(|call| call.cancel_wanted)
        {
            self.cancel(now, handle);
        }
    }

    fn established(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let number = request.cseq().map_or(1, |cseq| cseq.number);
        call.dialog = Dialog::from_response(request, response);
        call.state = State::Established;
        let settled = self.settle_early(now, handle, response);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let (agreed, body) = match (response.body.is_empty(), call.offers) {
            // The description was in a reliable or repeated provisional response already.
            (true, offers) => (settled || (offers && call.agreement.complete), None),
            (false, true) => (call.take_answer(now, &response.body), None),
            (false, false) => {
                let answer = call.take_offer(now, &response.body);
                (answer.is_some(), answer)
            }
        };
        call.agreement.awaiting_answer = false;
        let wanted = agreed && !call.cancel_wanted;
        self.send_ack(handle, number, body);
        if wanted {
            self.events.push_back(Event::Established(handle));
            self.session_agreed(now, handle, response, true);
            self.report_transfer(now, handle);
        } else {
            // Too late to cancel, or nothing in common: the dialog exists and has to be ended.
            self.send_bye(now, handle);
        }
    }

    fn cancel(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.cancel_wanted = true;
        let hop = call.hop;
        let Some(invite) = call.invite.take() else {
            return;
        };
        let number = invite.cseq().map_or(1, |cseq| cseq.number);
        let mut cancel = Message::request(Method::Cancel, &self.own_uri());
        // Same Request-URI and same Via as the INVITE (§9.1).
        if let crate::sip::message::Start::Request { uri, .. } = &invite.start {
            cancel.start = crate::sip::message::Start::Request {
                method: Method::Cancel,
                uri: uri.clone(),
            };
        }
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel.push(name, invite.header(name).unwrap_or_default());
        }
        cancel.push("CSeq", format!("{number} CANCEL"));
        let local = self.own_towards(hop);
        self.transactions.request(now, local, hop, &cancel);
    }
}
