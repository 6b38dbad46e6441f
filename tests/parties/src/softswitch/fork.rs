//! Calls that ring at several phones at once (RFC 3261 §16.7): the one thing the softswitch keeps
//! transactions for.
//!
//! Every provisional response and every 2xx goes back; of the other final responses the best one
//! does, once all have come. Who has not answered when somebody has is cancelled.

use std::net::SocketAddr;

use rsip::Method;
use strait_shared::time::Instant;

use super::Softswitch;
use crate::sip::message::{Message, Start};
use crate::sip::transaction::{Arrival, ClientId, Expired, ServerId, Transactions};
use crate::sip::uri::Uri;

/// Every call that was forked and may still hear something.
#[derive(Default)]
pub(super) struct Forks {
    pub(super) transactions: Transactions,
    forks: Vec<Fork>,
}

struct Fork {
    server: ServerId,
    /// The branch it came under.
    branch: String,
    branches: Vec<Branch>,
    /// Whether a 2xx or the last response has gone back.
    settled: bool,
}

struct Branch {
    client: ClientId,
    request: Message,
    hop: SocketAddr,
    proceeding: bool,
    cancel_wanted: bool,
    /// The final response.
    response: Option<Message>,
}

impl Softswitch {
    /// Takes an INVITE to several contacts.
    pub(super) fn fork(
        &mut self,
        now: Instant,
        source: SocketAddr,
        request: &Message,
        contacts: &[(Uri, SocketAddr)],
    ) {
        let own = self.config.address;
        let arrival = self.forks.transactions.receive(now, source, own, request);
        let Arrival::New(server) = arrival else {
            return;
        };
        let trying = Message::response(request, 100, "");
        self.forks.transactions.respond(now, &server, &trying);
        let branches = contacts.iter().enumerate();
        let branches = branches.map(|(number, (contact, hop))| {
            let mut forwarded = request.clone();
            if let Start::Request { uri, .. } = &mut forwarded.start {
                *uri = contact.to_string();
            }
            self.add_own_headers(&mut forwarded, number);
            let transactions = &mut self.forks.transactions;
            Branch {
                client: transactions.request(now, own, *hop, &forwarded),
                request: forwarded,
                hop: *hop,
                proceeding: false,
                cancel_wanted: false,
                response: None,
            }
        });
        let branches = branches.collect::<Vec<_>>();
        self.counters.forwarded += branches.len() as u64;
        self.forks.forks.push(Fork {
            server,
            branch: request.branch().unwrap_or_default().to_owned(),
            branches,
            settled: false,
        });
    }

    /// Whether a request belongs to a call that was forked; it has been seen to, then.
    pub(super) fn is_of_fork(
        &mut self,
        now: Instant,
        source: SocketAddr,
        request: &Message,
    ) -> bool {
        let known = |fork: &Fork| Some(fork.branch.as_str()) == request.branch();
        let Some(at) = self.forks.forks.iter().position(known) else {
            return false;
        };
        let own = self.config.address;
        let transactions = &mut self.forks.transactions;
        let arrival = transactions.receive(now, source, own, request);
        if let (Some(Method::Cancel), Arrival::New(id)) = (request.method(), arrival) {
            let answer = Message::response(request, 200, "forked");
            self.forks.transactions.respond(now, &id, &answer);
            self.forks.cancel_all(now, at, own);
        }
        true
    }

    /// Whether a response is one to a call that was forked; it has been seen to, then.
    pub(super) fn is_response_to_fork(&mut self, now: Instant, response: &Message) -> bool {
        let own = self.config.address;
        let ours = |branch: &Branch| branch.request.branch() == response.branch();
        let position = self.forks.forks.iter().enumerate().find_map(|(at, fork)| {
            let branch = fork.branches.iter().position(ours)?;
            Some((at, branch))
        });
        let Some((at, branch)) = position else {
            return false;
        };
        let known = self.forks.transactions.response(now, response);
        if known.as_ref() != Some(&self.forks.forks[at].branches[branch].client) {
            return true;
        }
        let mut back = response.clone();
        back.pop_item("Via");
        match response.status().unwrap_or_default() {
            100 => self.forks.proceeds(now, at, branch, own),
            101..=199 => {
                self.forks.proceeds(now, at, branch, own);
                let Forks {
                    transactions,
                    forks,
                } = &mut self.forks;
                if !forks[at].settled {
                    transactions.respond(now, &forks[at].server, &back);
                }
            }
            200..=299 => self.succeeded(now, at, branch, back),
            status => {
                self.forks.forks[at].branches[branch].response = Some(back);
                if status >= 600 {
                    self.forks.cancel_all(now, at, own);
                }
                self.forks.settle(now, at);
            }
        }
        true
    }

    /// What is due for forked calls.
    pub(super) fn fork_timeout(&mut self, now: Instant) {
        let Forks {
            transactions,
            forks,
        } = &mut self.forks;
        let expired = transactions.timeout(now);
        forks.retain(|fork| {
            let mut branches = fork.branches.iter();
            branches.any(|branch| transactions.is_alive(&branch.client))
        });
        for client in expired {
            if let Expired::NoResponse(client) = client {
                self.forks.fail(now, &client);
            }
        }
    }

    /// Every 2xx goes back, repetitions too (RFC 6026 §7.1); the first one decides.
    fn succeeded(&mut self, now: Instant, at: usize, branch: usize, back: Message) {
        let own = self.config.address;
        let Forks {
            transactions,
            forks,
        } = &mut self.forks;
        let fork = &mut forks[at];
        fork.branches[branch].response = Some(back.clone());
        if std::mem::replace(&mut fork.settled, true) {
            self.send_response(back);
            return;
        }
        transactions.respond(now, &fork.server, &back);
        // Whoever answered repeats it, not we.
        transactions.acknowledged(&fork.server);
        self.forks.cancel_all(now, at, own);
    }
}

impl Forks {
    fn proceeds(&mut self, now: Instant, at: usize, branch: usize, own: SocketAddr) {
        let branch = &mut self.forks[at].branches[branch];
        branch.proceeding = true;
        if branch.cancel_wanted && branch.response.is_none() {
            branch.cancel(now, own, &mut self.transactions);
        }
    }

    fn cancel_all(&mut self, now: Instant, at: usize, own: SocketAddr) {
        let branches = self.forks[at].branches.iter_mut();
        for branch in branches.filter(|branch| branch.response.is_none()) {
            let already = std::mem::replace(&mut branch.cancel_wanted, true);
            if branch.proceeding && !already {
                branch.cancel(now, own, &mut self.transactions);
            }
        }
    }

    /// Nobody has answered a branch at all.
    fn fail(&mut self, now: Instant, client: &ClientId) {
        let place = self.forks.iter().enumerate().find_map(|(at, fork)| {
            let mut branches = fork.branches.iter();
            Some((at, branches.position(|branch| branch.client == *client)?))
        });
        let Some((at, branch)) = place else { return };
        let branch = &mut self.forks[at].branches[branch];
        let mut timeout = Message::response(&branch.request, 408, "forked");
        timeout.pop_item("Via");
        branch.response = Some(timeout);
        self.settle(now, at);
    }

    /// The best of all final responses goes back once there are no more to come (§16.7 step 6).
    fn settle(&mut self, now: Instant, at: usize) {
        let fork = &mut self.forks[at];
        let responses = fork.branches.iter().map(|branch| branch.response.as_ref());
        let Some(responses) = responses.collect::<Option<Vec<_>>>() else {
            return;
        };
        let rank = |response: &&&Message| match response.status().unwrap_or_default() {
            status @ 600.. => status - 600,
            status => status,
        };
        let best = responses.iter().min_by_key(rank);
        if let (false, Some(best)) = (fork.settled, best) {
            self.transactions.respond(now, &fork.server, best);
            fork.settled = true;
        }
    }
}

impl Branch {
    /// Takes the call back from one phone (RFC 3261 §9.1).
    fn cancel(&mut self, now: Instant, own: SocketAddr, transactions: &mut Transactions) {
        let mut cancel = self.request.clone();
        if let Start::Request { method, .. } = &mut cancel.start {
            *method = Method::Cancel;
        }
        while cancel.items("Via").count() > 0 {
            cancel.pop_item("Via");
        }
        let via = self.request.items("Via").next().unwrap_or_default();
        cancel.push_front("Via", via);
        cancel.body.clear();
        for name in [
            "Content-Type",
            "Contact",
            "Record-Route",
            "Supported",
            "Allow",
        ] {
            cancel.remove(name);
        }
        let number = self.request.cseq().map_or(1, |cseq| cseq.number);
        cancel.set("CSeq", format!("{number} CANCEL"));
        transactions.request(now, own, self.hop, &cancel);
    }
}
