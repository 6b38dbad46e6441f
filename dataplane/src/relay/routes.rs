//! Which next hop a remote is reached by, for NICs that have more than one neighbour.
//!
//! Made whole by whoever knows the kernel's routes, and replaced whole; the relay only looks up.
//! A next hop is a place in the adjacency table, so a neighbour whose hardware address changes is
//! one word there and nothing here.

use strait_shared::geometry::AddressIndex;
use strait_shared::net::PackedIp;
use strait_shared::slot::AdjacencyIndex;

use super::intervals::{Interval, Key, find};

/// For each local address the next hops of all remotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Local addresses on the same interface share one.
    views: Box<[View]>,
    view_of: Box<[u16]>,
}

/// The next hop of every remote there could be: nothing where it is not known.
pub type View = Box<[Interval<AdjacencyIndex>]>;

impl Routes {
    /// `view_of` has for each local address, in their order, the number of its view.
    ///
    /// # Panics
    /// When a view has no such number.
    pub fn new(views: Vec<View>, view_of: Vec<u16>) -> Self {
        assert!(view_of.iter().all(|&view| usize::from(view) < views.len()));
        Self {
            views: views.into(),
            view_of: view_of.into(),
        }
    }

    /// The next hop of `remote` from a local address; nothing where it is not known.
    #[inline]
    pub fn find(&self, local: AddressIndex, remote: PackedIp) -> Option<AdjacencyIndex> {
        let view = *self.view_of.get(usize::from(local.0))?;
        *find(&self.views[usize::from(view)], key(remote))?
    }
}

/// An address as a number, IPv4 mapped into IPv6.
#[inline]
pub fn key(ip: PackedIp) -> Key {
    u128::from(ip.0[0]) << 64 | u128::from(ip.0[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_looked_up_in_the_view_of_the_local_address() {
        let ip = |text: &str| PackedIp::from(text.parse::<std::net::IpAddr>().unwrap());
        let hop = |number| Some(AdjacencyIndex(number));
        let one: View = [(key(ip("10.0.0.0")), hop(4)), (key(ip("10.0.1.0")), None)].into();
        let other: View = [(0, hop(9))].into();
        let routes = Routes::new(vec![one, other], vec![0, 1, 0]);
        assert_eq!(routes.find(AddressIndex(0), ip("10.0.0.255")), hop(4));
        assert_eq!(routes.find(AddressIndex(2), ip("10.0.0.0")), hop(4));
        assert_eq!(routes.find(AddressIndex(0), ip("10.0.1.0")), None);
        assert_eq!(routes.find(AddressIndex(0), ip("9.255.255.255")), None);
        assert_eq!(routes.find(AddressIndex(1), ip("2001:db8::1")), hop(9));
        assert_eq!(routes.find(AddressIndex(3), ip("10.0.0.1")), None);
        assert_eq!(
            Routes::default().find(AddressIndex(0), ip("10.0.0.1")),
            None
        );
    }
}
