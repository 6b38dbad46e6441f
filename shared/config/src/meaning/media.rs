//! Media addresses: port ranges in pairs, apart from each other, and enough of them.

use strait_shared::limits::{ADDRESSES_MAX, SLOTS_MAX};

use super::{Judge, addresses, realm};
use crate::{Config, MediaAddress, Police, PortKind, Realm, Transport, VlanId, path::Path};

/// What voice in packets of 20 ms takes a second: G.711 (RFC 3551 §4.5.14), 160 + 12 bytes each.
const VOICE_PACKETS_PER_SECOND: u32 = 50;
const VOICE_BYTES_PER_SECOND: u32 = 8_600;
/// The longest packet an Ethernet carries.
const PACKET_BYTES: u64 = 1_500;

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    let all: Vec<(Path, &MediaAddress)> = config
        .realms
        .iter()
        .enumerate()
        .flat_map(|(index, settings)| {
            let path = realm(index).key("media");
            settings
                .media
                .iter()
                .enumerate()
                .map(move |(at, media)| (path.index(at), media))
        })
        .collect();
    for (number, (path, media)) in all.iter().enumerate() {
        addresses::local(media.address, &path.key("address"), judge);
        pairs(path, media, judge);
        apart(config, path, media, &all[..number], judge);
        from_signalling(config, path, media, judge);
        vlan(config, path, media, judge);
    }
    slots(config, &all, judge);
    for (index, settings) in config.realms.iter().enumerate() {
        families(index, settings, judge);
        enough(config, index, settings, judge);
        if let Some(police) = &settings.police {
            policer(&realm(index).key("police"), police, judge);
        }
    }
}

/// RTP takes the even port of a pair and RTCP the next one (RFC 3550 §11).
fn pairs(path: &Path, media: &MediaAddress, judge: &mut Judge<'_>) {
    let (first, last) = (media.ports.first(), media.ports.last());
    let even = if first % 2 == 0 {
        first
    } else {
        first.saturating_add(1)
    };
    let odd = if last % 2 == 1 { last } else { last - 1 };
    if (even, odd) != (first, last) {
        let message = format!("`{}` splits pairs of RTP and RTCP ports", media.ports);
        let suggestion = (even < odd).then(|| format!("{even}-{odd}"));
        let allowed = "a range that starts even and ends odd";
        judge.suggesting(&[&path.key("ports")], message, allowed, suggestion);
    }
}

/// A port belongs to one media address only.
fn apart(
    config: &Config,
    path: &Path,
    media: &MediaAddress,
    before: &[(Path, &MediaAddress)],
    judge: &mut Judge<'_>,
) {
    let wire = |media: &MediaAddress| (media.address, tagged(config, media), media.nic.clone());
    let clash = before
        .iter()
        .find(|(_, other)| other.ports.overlaps(media.ports) && wire(other) == wire(media));
    if let Some((other, settings)) = clash {
        let message = format!(
            "ports {} of {} overlap {} of {other}",
            media.ports, media.address, settings.ports
        );
        let about = [&path.key("ports"), &other.key("ports")];
        judge.error(&about, message, "ranges of one address that share no port");
    }
}

/// A port for SIP over UDP is none for media.
fn from_signalling(config: &Config, path: &Path, media: &MediaAddress, judge: &mut Judge<'_>) {
    for (index, settings) in config.realms.iter().enumerate() {
        for (number, listener) in settings.signalling.iter().enumerate() {
            if listener.transport == Transport::Udp
                && listener.address == media.address
                && media.ports.ports().contains(&listener.port)
            {
                let other = realm(index).key("signalling").index(number).key("port");
                let message = format!(
                    "ports {} of {} contain port {} of {}",
                    media.ports,
                    media.address,
                    listener.port,
                    other.parent()
                );
                let about = [&path.key("ports"), &other];
                judge.error(
                    &about,
                    message,
                    "a range without the ports that SIP is heard on",
                );
            }
        }
    }
}

/// The tag packets of this address leave with.
fn tagged(config: &Config, media: &MediaAddress) -> Option<VlanId> {
    media.vlan.filter(|_| !through_kernel(config, media))
}

fn through_kernel(config: &Config, media: &MediaAddress) -> bool {
    config
        .dataplane
        .nics
        .iter()
        .any(|n| n.name == media.nic && n.port == PortKind::Udp)
}

fn vlan(config: &Config, path: &Path, media: &MediaAddress, judge: &mut Judge<'_>) {
    if let Some(vlan) = media.vlan
        && through_kernel(config, media)
    {
        let message = format!(
            "VLAN {} has no effect on the `udp` NIC `{}`",
            vlan.get(),
            media.nic
        );
        let allowed = "`null`, with the address on a VLAN interface of the kernel";
        judge.warning(&path.key("vlan"), message, allowed);
    }
}

/// The table of slots has its bounds.
fn slots(config: &Config, all: &[(Path, &MediaAddress)], judge: &mut Judge<'_>) {
    let realms = Path::root().key("realms");
    if all.len() > ADDRESSES_MAX {
        let message = format!("{} media addresses", all.len());
        judge.error(
            &[&realms],
            message,
            &format!("at most {ADDRESSES_MAX} over all realms"),
        );
    }
    let ports = |media: &MediaAddress| u64::from(media.ports.last() - media.ports.first()) + 1;
    let ports: u64 = all.iter().map(|(_, media)| ports(media)).sum();
    let total = ports + u64::from(config.dataplane.fork_slots);
    if total > u64::from(SLOTS_MAX) {
        let message = format!(
            "{ports} media ports and {} fork slots",
            config.dataplane.fork_slots
        );
        judge.error(
            &[&realms],
            message,
            &format!("at most {SLOTS_MAX} together"),
        );
    }
    if !config.dataplane.fork_slots.is_multiple_of(2) {
        let path = Path::root().key("dataplane").key("fork_slots");
        let fork_slots = config.dataplane.fork_slots;
        let message = format!("`{fork_slots}` splits a pair of RTP and RTCP slots");
        let suggestion = Some((fork_slots + 1).to_string());
        judge.suggesting(&[&path], message, "an even number", suggestion);
    }
}

/// A party that signals over one family most often wants media over it too.
fn families(index: usize, settings: &Realm, judge: &mut Judge<'_>) {
    for (family, ipv4) in [("IPv4", true), ("IPv6", false)] {
        let signals = settings
            .signalling
            .iter()
            .any(|s| s.address.is_ipv4() == ipv4);
        let relays = settings.media.iter().any(|m| m.address.is_ipv4() == ipv4);
        if signals && !relays {
            let message = format!("{family} is signalled here but has no media address");
            let allowed = format!("an {family} address among `media`");
            judge.warning(&realm(index).key("media"), message, &allowed);
        }
    }
}

/// Each call takes a pair on each side it has in the realm.
fn enough(config: &Config, index: usize, settings: &Realm, judge: &mut Judge<'_>) {
    let pairs: u32 = settings.media.iter().map(|media| media.ports.pairs()).sum();
    if pairs < config.limits.calls {
        let message = format!(
            "ports for {pairs} streams at once, but `limits.calls` is {}",
            config.limits.calls
        );
        let allowed = format!(
            "two ports a call and stream: {} or more",
            2 * config.limits.calls
        );
        judge.warning(&realm(index).key("media"), message, &allowed);
    }
}

/// A policer lets ordinary voice through.
fn policer(path: &Path, police: &Police, judge: &mut Judge<'_>) {
    let voice = "what G.711 in packets of 20 ms takes";
    if police.packets_per_second < VOICE_PACKETS_PER_SECOND {
        let message = format!("`{}` is below {voice}", police.packets_per_second);
        let allowed = format!("{VOICE_PACKETS_PER_SECOND} or more");
        judge.warning(&path.key("packets_per_second"), message, &allowed);
    }
    if police.bytes_per_second < VOICE_BYTES_PER_SECOND {
        let message = format!("`{}` is below {voice}", police.bytes_per_second);
        let allowed = format!("{VOICE_BYTES_PER_SECOND} or more");
        judge.warning(&path.key("bytes_per_second"), message, &allowed);
    }
    let burst_bytes = u64::from(police.bytes_per_second) * u64::from(police.burst_ms) / 1_000;
    if burst_bytes < PACKET_BYTES {
        let message = format!(
            "{} ms at {} bytes a second are {burst_bytes} bytes, less than a full packet",
            police.burst_ms, police.bytes_per_second
        );
        let least = (PACKET_BYTES * 1_000).div_ceil(u64::from(police.bytes_per_second));
        judge.warning(&path.key("burst_ms"), message, &format!("{least} or more"));
    }
}
