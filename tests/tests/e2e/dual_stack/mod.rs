//! Terminals and servers of both IP versions over real IPv4 and IPv6, with servers of the DNS: one
//! scenario for each figure of sequences, 3 to 8, 10 and 13 to 20.
//!
//! In the figures alice is the dual terminal (5), bob the IPv4 terminal (6), carol the IPv6
//! terminal (7), `one` the dual server of example.net (1, 1-1), `two` the server of example.org
//! (1-2, or 2 where it speaks IPv4 alone).

mod far_server;
mod same_server;
mod scene;
mod two_servers;
