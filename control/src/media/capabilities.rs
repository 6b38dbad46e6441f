//! Descriptions that only say what a party can do (RFC 3264 §9): no media flows by them.

use std::net::IpAddr;

use super::rewrite::{Place, rewrite};
use super::terms::transport;
use crate::sdp::Description;
use crate::sip::Splices;

/// Records in `edits` what leaves `description` without a place of its sender's: `own` stands for
/// its addresses, which are arbitrary in such a description, and the ports are 0, as they must be.
pub fn name_capabilities(description: &Description, own: IpAddr, edits: &mut Splices) {
    let media = description.media().iter();
    let nowhere = media.map(|media| Place::Nowhere(transport(&description.text(media.proto))));
    let nowhere: Vec<Place> = nowhere.collect();
    rewrite(description, &nowhere, own, edits);
}
