//! What goes wrong on a wire: counted, bounded, recovered.

use strait_dataplane::limits::RING_FRAMES;
use strait_dataplane::port::af_xdp::Mode;
use strait_shared::drops::DropReason;

use crate::rig;
use crate::stage::{LOCAL, PHONE, PHONE6, Stage, from_phone, possible};

/// Sends a frame that steering takes for media and says why the relay refused it.
fn refused(stage: &mut Stage, frame: &[u8]) -> Option<DropReason> {
    let before = *stage.rig.worker.tally();
    assert!(stage.phones.send(frame));
    let came = |stage: &mut Stage| stage.rig.worker.tally().received > before.received;
    assert!(stage.until(came), "it was not steered to the worker");
    let after = stage.rig.worker.tally();
    let grown = |reason: &&DropReason| after.dropped(**reason) > before.dropped(**reason);
    DropReason::ALL.iter().find(grown).copied()
}

fn broken_frames(mode: Mode) {
    let mut stage = Stage::new(mode);
    stage.stream(PHONE, None);
    let good = from_phone(None, PHONE, 1);
    let good6 = from_phone(None, PHONE6, 1);
    let with = |change: fn(&mut Vec<u8>)| {
        let mut frame = good.clone();
        change(&mut frame);
        frame
    };
    let cut = with(|frame| frame.truncate(100));
    assert_eq!(refused(&mut stage, &cut), Some(DropReason::Truncated));
    let checksum = with(|frame| frame[24] ^= 0x5a);
    assert_eq!(refused(&mut stage, &checksum), Some(DropReason::IpChecksum));
    let mut first = with(|frame| frame[20] = 0x20);
    mend_checksum(&mut first);
    assert_eq!(refused(&mut stage, &first), Some(DropReason::Fragment));
    let length = with(|frame| frame[39] ^= 0x40);
    assert_eq!(refused(&mut stage, &length), Some(DropReason::UdpLength));
    let mut extension = good6.clone();
    extension[20] = 60;
    extension.splice(54..54, [17, 0, 1, 4, 0, 0, 0, 0]);
    let payload = (extension.len() - 54) as u16;
    extension[18..20].copy_from_slice(&payload.to_be_bytes());
    assert_eq!(refused(&mut stage, &extension), Some(DropReason::Extension));
    let closed = rig::frame(None, PHONE, "192.0.2.1:20008", &[0x80; 40]);
    assert_eq!(refused(&mut stage, &closed), Some(DropReason::Closed));
    assert_eq!(refused(&mut stage, &good), None, "and then a whole one");
    assert!(stage.at_core().is_some());
}

/// Puts the header checksum right again (IPv4 without options, untagged).
fn mend_checksum(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let words = frame[14..34].chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !(folded as u16 + (folded >> 16) as u16);
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn broken_frames_are_counted_natively() {
    if possible() {
        broken_frames(Mode::Native);
    }
}

#[test]
fn broken_frames_are_counted_generically() {
    if possible() {
        broken_frames(Mode::Generic);
    }
}

/// A VLAN nobody configured is not ours: the kernel gets it, and the stream goes on.
#[test]
fn an_unknown_vlan_is_left_to_the_kernel() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Native);
    stage.stream(PHONE, None);
    let passed = |stage: &Stage| {
        let mut cat = stage.hosts.strait.command("cat");
        let output = cat
            .arg("/sys/class/net/access/statistics/rx_packets")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<u64>()
            .unwrap()
    };
    let before = passed(&stage);
    for sequence in 1..=10 {
        assert!(stage.phones.send(&from_phone(Some(99), PHONE, sequence)));
    }
    assert!(stage.phones.send(&from_phone(None, PHONE, 1)));
    assert!(stage.at_core().is_some());
    assert_eq!(
        stage.rig.worker.tally().received,
        1,
        "the tagged ones are not ours"
    );
    assert!(
        passed(&stage) >= before + 10,
        "and the kernel has counted them"
    );
}

/// What is sent while an interface is down is counted, what waits is bounded, and all goes on
/// when it is up again.
fn down_and_up(mode: Mode) {
    let mut stage = Stage::new(mode);
    stage.stream(PHONE, None);
    assert!(stage.phones.send(&from_phone(None, PHONE, 1)));
    assert!(stage.at_core().is_some());
    stage.wait_for_next_hop(stage.core.mac());
    stage.hosts.strait.ip("link set core down");
    let lost_before = lost(&stage);
    let sent = 3 * RING_FRAMES as u64;
    for sequence in 0..sent {
        assert!(stage.phones.send(&from_phone(None, PHONE, sequence as u16)));
        stage.rig.breathe();
    }
    assert!(stage.until(|stage| stage.rig.worker.tally().received == 1 + sent));
    let lost_down = lost(&stage) - lost_before;
    assert!(
        lost_down + u64::from(RING_FRAMES) >= sent,
        "{lost_down} of {sent} counted"
    );
    stage.hosts.strait.ip("link set core up");
    let marked = rig::frame(None, PHONE, LOCAL, &rig::rtp(0x600d, 1, 160, 172));
    let back = stage.until(|stage| {
        stage.phones.send(&marked);
        stage.rig.breathe();
        let mut came = std::iter::from_fn(|| stage.core.receive());
        came.any(|datagram| datagram.payload == rig::rtp(0x600d, 1, 160, 172))
    });
    assert!(back, "nothing comes through again");
    let tally = stage.rig.worker.tally();
    assert_eq!(tally.received, tally.sent + tally.all_dropped());
}

fn lost(stage: &Stage) -> u64 {
    stage.rig.worker.tally().dropped(DropReason::TransmitFull)
}

#[test]
fn an_interface_goes_down_and_comes_back_natively() {
    if possible() {
        down_and_up(Mode::Native);
    }
}

#[test]
fn an_interface_goes_down_and_comes_back_generically() {
    if possible() {
        down_and_up(Mode::Generic);
    }
}

/// The interface frames arrive by goes down and comes back.
#[test]
fn the_receiving_interface_goes_down_and_comes_back() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Native);
    stage.stream(PHONE, None);
    for round in 1..=3 {
        let through = stage.until(|stage| {
            stage.phones.send(&from_phone(None, PHONE, round));
            stage.rig.breathe();
            stage.core.receive().is_some()
        });
        assert!(through, "round {round}");
        stage.hosts.strait.ip("link set access down");
        stage.hosts.strait.ip("link set access up");
    }
}

/// A burst larger than every ring: the rest is counted where it was lost, nothing hangs.
#[test]
fn more_than_fits_is_counted() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Native);
    stage.stream(PHONE, None);
    assert!(stage.phones.send(&from_phone(None, PHONE, 1)));
    assert!(stage.at_core().is_some());
    stage.wait_for_next_hop(stage.core.mac());
    let sent = 2 * u64::from(RING_FRAMES);
    for sequence in 0..sent {
        assert!(stage.phones.send(&from_phone(None, PHONE, sequence as u16)));
    }
    stage.rig.settle();
    let missed = |stage: &Stage| stage.rig.control.statistics[0].read().missed;
    let all = stage.until(|stage| {
        stage.rig.settle();
        stage.rig.worker.tally().received + missed(stage) == 1 + sent
    });
    let received = stage.rig.worker.tally().received;
    assert!(
        all,
        "{received} received, {} missed of {sent}",
        missed(&stage)
    );
    assert!(missed(&stage) > 0, "the ring took {received}");
    assert!(received > u64::from(RING_FRAMES) / 2);
}
