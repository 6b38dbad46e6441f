//! One TCP connection: messages cut from its stream, a bounded queue of what it is sent.

use std::cell::{Cell, OnceCell, RefCell};
use std::io::{self, ErrorKind};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::framing::{Broken, Frame, Framer, Framing};
use super::outgoing::Outgoing;
use super::pool::{Pool, Share};
use super::table::Rank;
use crate::gateway::io::{ConnectionId, Flow, Input};
use crate::transport::counters::{Counter, Counters};
use crate::transport::limits::{
    FIRST_MESSAGE_TIMEOUT, IDLE_TIMEOUT, MAX_UNFINISHED_BYTES, MESSAGE_TIMEOUT, READS_PER_TURN,
};
use crate::transport::{SendError, Sink};

/// A connection that stands, or is being opened as long as it has no stream.
#[derive(Debug)]
pub(super) struct Connection {
    flow: Flow,
    id: ConnectionId,
    accepted: bool,
    framing: Framing,
    stream: OnceCell<TcpStream>,
    outgoing: RefCell<Outgoing>,
    opened: Instant,
    active: Cell<Instant>,
    /// Whether a whole message has come.
    proven: Cell<bool>,
    /// The rank under which the table keeps it.
    filed: Cell<Rank>,
    closing: Cell<Closing>,
    wake: Notify,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closing {
    No,
    /// Once what waits is sent; nothing more is read.
    Flushing,
    Now,
}

/// What a connection's task works with besides the connection.
pub(super) struct Surroundings<'a> {
    pub sink: &'a dyn Sink,
    pub counters: &'a Counters,
    /// Where all connections read into, one at a time.
    pub scratch: &'a RefCell<Vec<u8>>,
    /// What all connections hold of messages that are not whole yet.
    pub unfinished: &'a Pool,
}

/// What is read from a connection, and where it stands in a message.
struct Incoming {
    framer: Framer,
    unfinished: Share,
    /// When the message that is not whole yet began.
    message_began: Option<Instant>,
}

impl Connection {
    pub fn new(
        id: ConnectionId,
        flow: Flow,
        framing: Framing,
        accepted: bool,
        waiting: Share,
    ) -> Self {
        let now = Instant::now();
        Self {
            flow: Flow {
                connection: Some(id),
                ..flow
            },
            id,
            accepted,
            framing,
            stream: OnceCell::new(),
            outgoing: RefCell::new(Outgoing::new(waiting)),
            opened: now,
            active: Cell::new(now),
            proven: Cell::new(false),
            filed: Cell::new(Rank {
                proven: false,
                active: now,
            }),
            closing: Cell::new(Closing::No),
            wake: Notify::new(),
        }
    }

    /// The connection is open.
    pub fn open(&self, stream: TcpStream) {
        self.active.set(Instant::now());
        // It is opened once, when it is accepted or connected.
        let _ = self.stream.set(stream);
    }

    /// Puts a message on its way. When the peer takes too little for too long, the connection is
    /// given up.
    pub fn send(&self, bytes: Vec<u8>) -> Result<(), SendError> {
        if self.closing.get() != Closing::No {
            return Err(SendError);
        }
        let bytes = self.framing.framed(bytes).ok_or(SendError)?;
        let queued = self.outgoing.borrow_mut().push(bytes);
        let failed = queued.is_err() || self.flush().is_err();
        if failed || self.outgoing.borrow_mut().make_room().is_err() {
            self.close_now();
            return Err(SendError);
        }
        if !self.outgoing.borrow().is_empty() {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Ends it once what waits is sent.
    pub fn close(&self) {
        if self.closing.get() == Closing::No {
            self.closing.set(Closing::Flushing);
            self.wake.notify_one();
        }
    }

    /// Ends it at once.
    pub fn close_now(&self) {
        self.closing.set(Closing::Now);
        self.wake.notify_one();
    }

    /// Carries messages both ways until the connection ends.
    pub async fn serve(&self, around: &Surroundings<'_>) {
        let Some(stream) = self.stream.get() else {
            return;
        };
        let mut incoming = Incoming {
            framer: self.framing.framer(),
            unfinished: around.unfinished.share(),
            message_began: None,
        };
        while !self.is_over() {
            let deadline = self.deadline(&incoming);
            tokio::select! {
                ready = stream.ready(self.interest()) => {
                    let Ok(ready) = ready else { return };
                    if ready.is_writable() && self.flush().is_err() {
                        return;
                    }
                    if ready.is_readable() && self.closing.get() == Closing::No {
                        self.receive(stream, &mut incoming, around);
                    }
                }
                () = self.wake.notified() => {}
                () = sleep_until(deadline) => {
                    around.counters.count(Counter::TcpTimedOut);
                    return;
                }
            }
        }
    }

    /// Waits until someone no longer wants a connection that is being opened.
    pub async fn given_up(&self) {
        while self.closing.get() == Closing::No {
            self.wake.notified().await;
        }
    }

    pub fn id(&self) -> ConnectionId {
        self.id
    }

    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    pub fn is_open(&self) -> bool {
        self.stream.get().is_some()
    }

    /// Whether its queue ran over.
    pub fn overflowed(&self) -> bool {
        self.outgoing.borrow().overflowed()
    }

    pub fn rank(&self) -> Rank {
        Rank {
            proven: self.proven.get() || !self.accepted,
            active: self.active.get(),
        }
    }

    /// The rank it is filed under; `file` sets it.
    pub fn filed(&self) -> Rank {
        self.filed.get()
    }

    pub fn file(&self) -> Rank {
        self.filed.set(self.rank());
        self.filed.get()
    }

    fn interest(&self) -> Interest {
        match (self.closing.get(), self.outgoing.borrow().is_empty()) {
            (Closing::No, true) => Interest::READABLE,
            (Closing::No, false) => Interest::READABLE | Interest::WRITABLE,
            _ => Interest::WRITABLE,
        }
    }

    fn is_over(&self) -> bool {
        match self.closing.get() {
            Closing::No => false,
            Closing::Flushing => self.outgoing.borrow().is_empty(),
            Closing::Now => true,
        }
    }

    /// When the peer will have kept us waiting for too long.
    fn deadline(&self, incoming: &Incoming) -> Instant {
        let idle = self.active.get() + IDLE_TIMEOUT;
        let first =
            (self.accepted && !self.proven.get()).then(|| self.opened + FIRST_MESSAGE_TIMEOUT);
        let message = incoming.message_began.map(|began| began + MESSAGE_TIMEOUT);
        let write = self.outgoing.borrow().deadline();
        [first, message, write]
            .into_iter()
            .flatten()
            .fold(idle, Instant::min)
    }

    fn receive(&self, stream: &TcpStream, incoming: &mut Incoming, around: &Surroundings<'_>) {
        for _ in 0..READS_PER_TURN {
            let mut scratch = around.scratch.borrow_mut();
            match stream.try_read(&mut scratch) {
                Ok(0) => return self.close(),
                Ok(len) => incoming.framer.push(&scratch[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.close_now(),
            }
            drop(scratch);
            self.active.set(Instant::now());
            if let Err(error) = self.take_frames(incoming, around) {
                return self.refuse(error, incoming, around);
            }
            if self.crowds(incoming) {
                around.counters.count(Counter::TcpCrowded);
                return self.close_now();
            }
            if self.closing.get() != Closing::No {
                return;
            }
        }
    }

    fn take_frames(
        &self,
        incoming: &mut Incoming,
        around: &Surroundings<'_>,
    ) -> Result<(), Broken> {
        let flow = self.flow;
        let mut whole = false;
        while self.closing.get() == Closing::No {
            match incoming.framer.cut()? {
                Some(Frame::Message(bytes)) => {
                    whole = true;
                    self.proven.set(true);
                    around.counters.count(Counter::TcpReceived);
                    around.sink.take(Input::Message { flow, bytes });
                }
                Some(frame) => {
                    around.counters.count(Counter::KeepAlives);
                    if matches!(frame, Frame::Ping) && self.send(b"\r\n".to_vec()).is_err() {
                        return Ok(());
                    }
                    around.sink.take(Input::KeepAlive { flow });
                }
                None => break,
            }
        }
        match (incoming.framer.pending().is_empty(), whole) {
            (true, _) => incoming.message_began = None,
            (false, true) => incoming.message_began = Some(Instant::now()),
            (false, false) => {
                incoming.message_began.get_or_insert_with(Instant::now);
            }
        }
        // A buffer that a large message made large is not kept by an idle connection.
        incoming.framer.release();
        incoming.unfinished.set(incoming.framer.held_bytes());
        Ok(())
    }

    /// Whether it has begun a message where all connections together hold too much already.
    fn crowds(&self, incoming: &Incoming) -> bool {
        let bound = match self.rank().proven {
            true => MAX_UNFINISHED_BYTES,
            false => MAX_UNFINISHED_BYTES / 2,
        };
        incoming.unfinished.bytes() > 0 && incoming.unfinished.of_all() > bound
    }

    /// The stream cannot be read on. What is left of it may still be owed a refusal.
    fn refuse(&self, error: Broken, incoming: &Incoming, around: &Surroundings<'_>) {
        around.counters.count(Counter::TcpUnreadable);
        if error == Broken::Refusable {
            let (flow, bytes) = (self.flow, incoming.framer.pending());
            around.sink.take(Input::Message { flow, bytes });
        }
        self.close();
    }

    fn flush(&self) -> io::Result<()> {
        let Some(stream) = self.stream.get() else {
            return Ok(());
        };
        if self.outgoing.borrow_mut().flush(stream)? {
            self.active.set(Instant::now());
        }
        Ok(())
    }
}
