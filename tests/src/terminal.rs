//! The built-in phone on a host's real sockets.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{Config, Phone};
use strait_shared::time::Instant;

use crate::namespace::{Namespace, enter};
use crate::program::wait_until;

/// Pairs of media ports a terminal has, in each version.
const PAIRS: u16 = 4;
/// How often sockets are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

type Task = Box<dyn FnOnce(&mut Phone, Instant) + Send>;

/// A terminal on a thread of its own; switched off when dropped.
pub struct Terminal {
    name: String,
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Switches one on in `host`, at the addresses its configuration names.
    pub fn start(host: &Namespace, mut config: Config, seed: u64) -> Terminal {
        config.media_port_pairs = PAIRS;
        let name = config.user.clone();
        let namespace = host.name().to_owned();
        let (tasks, received) = channel();
        let thread = std::thread::spawn(move || {
            enter(&namespace);
            let sockets = bind(&config);
            run(Phone::new(config, seed), &sockets, &received);
        });
        Terminal {
            name,
            tasks: Some(tasks),
            thread: Some(thread),
        }
    }

    /// Does something with the phone, as the person who holds it.
    pub fn act<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Phone, Instant) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = channel();
        let task: Task = Box::new(move |phone, now| {
            let _ = answer.send(action(phone, now));
        });
        let tasks = self.tasks.as_ref().expect("it is switched on");
        let _ = tasks.send(task);
        answered
            .recv()
            .unwrap_or_else(|_| panic!("{}'s terminal has died", self.name))
    }

    /// Waits until the phone is as wanted.
    ///
    /// # Panics
    /// When that takes longer than ten seconds.
    pub fn wait(&self, what: &str, wanted: impl Fn(&Phone) -> bool + Clone + Send + 'static) {
        let reached = wait_until(Duration::from_secs(10), || {
            let wanted = wanted.clone();
            self.act(move |phone, _| wanted(phone))
        });
        let events =
            || self.act(|phone, _| std::iter::from_fn(|| phone.poll_event()).collect::<Vec<_>>());
        assert!(reached, "{} is not {what}: {:?}", self.name, events());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The sockets of a terminal, by the addresses they have.
type Sockets = BTreeMap<SocketAddr, UdpSocket>;

fn bind(config: &Config) -> Sockets {
    let dual = config.dual.as_ref();
    let media = |ip: IpAddr| {
        let ports = config.first_media_port..config.first_media_port + 2 * PAIRS;
        ports.map(move |port| SocketAddr::new(ip, port))
    };
    let second = dual.into_iter().flat_map(|dual| {
        let signalling = std::iter::once(dual.signalling);
        signalling.chain(media(dual.media))
    });
    let first = std::iter::once(config.signalling).chain(media(config.media));
    let open = |address: SocketAddr| {
        let socket = UdpSocket::bind(address).expect("the host has the address");
        socket
            .set_nonblocking(true)
            .expect("a socket need not wait");
        (address, socket)
    };
    first.chain(second).map(open).collect()
}

/// Carries datagrams until the terminal is switched off.
fn run(mut phone: Phone, sockets: &Sockets, tasks: &Receiver<Task>) {
    let mut buffer = vec![0; 65_535];
    loop {
        match tasks.try_recv() {
            Ok(task) => task(&mut phone, Instant::now()),
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
        }
        for (destination, socket) in sockets {
            while let Ok((length, source)) = socket.recv_from(&mut buffer) {
                let datagram = Datagram {
                    source,
                    destination: *destination,
                    payload: buffer[..length].to_vec(),
                };
                phone.receive(Instant::now(), &datagram);
            }
        }
        phone.timeout(Instant::now());
        while let Some(datagram) = phone.poll_transmit() {
            if let Some(socket) = sockets.get(&datagram.source) {
                // What cannot be sent is lost, as on any network.
                let _ = socket.send_to(&datagram.payload, datagram.destination);
            }
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}
