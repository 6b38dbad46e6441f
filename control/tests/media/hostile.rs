//! Addresses that media must not be aimed at.

use strait_control::media::{AddressFault, Family, MediaError, Side};
use strait_shared::slot::LatchPolicy;

use crate::bench::{ACCESS, Bench, CONFIG, CORE, phone, switch, told};

fn fault(sdp: &str) -> Option<AddressFault> {
    let mut bench = Bench::new();
    let call = bench.begin();
    let result = bench.offer(call, Side::Caller, sdp);
    bench.close(call);
    bench.check_all_given_back();
    match result {
        Ok(_) => None,
        Err(MediaError::Address { line: 0, fault, .. }) => Some(fault),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn media_is_not_aimed_at_what_is_no_party() {
    use AddressFault::*;
    for (connection, port, expected) in [
        ("IP4 192.168.1.20", 4000, None),
        ("IP4 203.0.113.9", 1024, None),
        ("IP6 2001:db8:77::20", 4000, None),
        ("IP4 phone.example.com", 4000, None),
        ("IP4 127.0.0.1", 4000, Some(Loopback)),
        ("IP4 127.8.8.8", 4000, Some(Loopback)),
        ("IP6 ::1", 4000, Some(Loopback)),
        ("IP4 224.2.1.1/127", 4000, Some(Multicast)),
        ("IP4 239.255.0.1/15/3", 4000, Some(Multicast)),
        ("IP6 ff15::101/3", 4000, Some(Multicast)),
        ("IP4 255.255.255.255", 4000, Some(NoHost)),
        ("IP4 0.1.2.3", 4000, Some(NoHost)),
        ("IP4 250.0.0.1", 4000, Some(NoHost)),
        ("IP6 ::ffff:127.0.0.1", 4000, Some(Mapped)),
        ("IP6 ::192.168.1.20", 4000, Some(Mapped)),
        ("IP6 fe80::1", 4000, Some(LinkLocal)),
        ("IP4 192.168.1.20", 53, Some(Port)),
        ("IP4 192.168.1.20", 1023, Some(Port)),
        ("IP4 192.0.2.1", 5060, Some(Signalling)),
        ("IP4 10.0.0.254", 5060, Some(Signalling)),
        ("IP6 2001:db8:c::254", 5060, Some(Signalling)),
        ("IP4 10.0.0.1", 5060, Some(Signalling)),
        ("IP4 192.0.2.1", 20010, Some(OwnMedia)),
        ("IP4 10.0.0.254", 30010, Some(OwnMedia)),
        ("IP4 192.0.2.1", 19990, Some(OwnHost)),
        ("IP4 10.0.0.254", 8080, Some(OwnHost)),
        ("IP6 2001:db8::1", 4000, Some(OwnHost)),
        ("IP4 10.0.0.1", 16000, Some(OtherRealm)),
    ] {
        let sdp = phone(&format!("m=audio {port} RTP/AVP 8\nc=IN {connection}\n"));
        assert_eq!(fault(&sdp), expected, "{connection} {port}");
    }
}

#[test]
fn nor_is_rtcp() {
    for (rtcp, expected) in [
        ("4001 IN IP4 127.0.0.1", Some(AddressFault::Loopback)),
        ("53", Some(AddressFault::Port)),
        ("20010 IN IP4 192.0.2.1", Some(AddressFault::OwnMedia)),
        ("4001 IN IP4 192.168.1.21", None),
    ] {
        let sdp = phone(&format!("m=audio 4000 RTP/AVP 8\na=rtcp:{rtcp}\n"));
        assert_eq!(fault(&sdp), expected, "{rtcp}");
    }
    // The media's own next port.
    assert_eq!(fault(&phone("m=audio 65535 RTP/AVP 8\n")), None);
}

#[test]
fn a_withdrawn_or_held_line_may_name_anything() {
    assert_eq!(
        fault(&phone("m=audio 0 RTP/AVP 8\nc=IN IP4 127.0.0.1\n")),
        None
    );
    assert_eq!(
        fault(&phone("m=audio 9 RTP/AVP 8\nc=IN IP4 0.0.0.0\n")),
        None
    );
}

#[test]
fn a_realm_on_the_loopback_has_its_parties_there() {
    let config = CONFIG.replace("192.0.2.1", "127.0.0.1");
    let mut bench = Bench::with(&config);
    let call = bench.begin();
    let local = phone("m=audio 4000 RTP/AVP 8\n").replace("192.168.1.20", "127.0.0.1");
    bench.offer(call, Side::Caller, &local).unwrap();
    let remote = switch("m=audio 16000 RTP/AVP 8\n").replace("10.0.0.1", "127.0.0.1");
    let refused = bench.answer(call, Side::Callee, &remote);
    assert!(matches!(
        refused,
        Err(MediaError::Address {
            fault: AddressFault::Loopback,
            ..
        })
    ));
}

#[test]
fn a_call_through_the_softswitch_back_to_us_is_no_attack() {
    let mut bench = Bench::new();
    // A phone calls through the softswitch, which calls another phone through us.
    let near = bench.begin();
    let far = bench.begin_between((CORE, Family::V4), (ACCESS, Family::V4));
    let offer = bench
        .offer(near, Side::Caller, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    let onwards = bench.offer(far, Side::Caller, &offer).unwrap();
    assert!(told(&onwards, 0).starts_with("192.0.2.1:"));
    let answer = bench
        .answer(far, Side::Callee, &phone("m=audio 6000 RTP/AVP 8\n"))
        .unwrap();
    let back = bench.answer(near, Side::Callee, &answer).unwrap();
    assert!(told(&back, 0).starts_with("192.0.2.1:"));
    let core = bench.at(&told(&offer, 0)).forwarding;
    assert_eq!(core.signalled, Some(told(&answer, 0).parse().unwrap()));
    assert!(core.send_before_latch);
    // Whatever else comes from our own address is another call's.
    assert_eq!(core.policy, LatchPolicy::Signalled);
    let phone_side = bench.at(&told(&back, 0)).forwarding;
    assert_eq!(phone_side.policy, LatchPolicy::Restricted);
    bench.check_links();

    // The phone that learns of a port of ours cannot aim it at another, nor at itself.
    let loops = phone("m=audio 4000 RTP/AVP 8\n")
        .replace("192.168.1.20", "192.0.2.1")
        .replace("4000", told(&back, 0).rsplit(':').next().unwrap());
    let refused = bench.offer(near, Side::Caller, &loops);
    assert!(matches!(
        refused,
        Err(MediaError::Address {
            fault: AddressFault::OwnMedia,
            ..
        })
    ));
}

#[test]
fn what_cannot_be_described_is_refused() {
    let offer = |sdp: &str| {
        let mut bench = Bench::new();
        let call = bench.begin();
        let result = bench.offer(call, Side::Caller, sdp);
        bench.close(call);
        bench.check_all_given_back();
        result.map(|_| ())
    };
    let nowhere = phone("m=audio 4000 RTP/AVP 8\n").replace("c=IN IP4 192.168.1.20\n", "");
    assert_eq!(offer(&nowhere), Err(MediaError::NoConnection { line: 0 }));
    let config = CONFIG.replace("limits", "x");
    assert_eq!(
        config, CONFIG,
        "the sample sets no limits, so the default of 16 lines holds"
    );
    assert_eq!(offer(&phone(&"m=audio 0 RTP/AVP 8\n".repeat(16))), Ok(()));
}

#[test]
fn lines_are_bounded_by_the_configuration() {
    let config = format!("{CONFIG}limits: {{ media_lines: 2 }}\n");
    let mut bench = Bench::with(&config);
    let call = bench.begin();
    let three = phone(&"m=audio 4000 RTP/AVP 8\n".repeat(3));
    let refused = bench.offer(call, Side::Caller, &three);
    assert_eq!(refused, Err(MediaError::TooManyLines { max: 2 }));
}

#[test]
fn a_family_the_realm_lacks_is_refused_towards_its_party_and_avoided_towards_the_other() {
    let config = CONFIG
        .replace(
            "      - { address: \"2001:db8:c::254\", ports: 30000-30039 }\n",
            "",
        )
        .replace(
            "      - { address: \"2001:db8::1\", ports: 20000-20039 }\n",
            "",
        );
    let mut bench = Bench::with(&config);
    let call = bench.begin_between((ACCESS, Family::V4), (CORE, Family::V6));
    let six = phone("m=audio 4000 RTP/AVP 8\n").replace("IP4 192.168.1.20", "IP6 2001:db8:7::1");
    let refused = bench.offer(call, Side::Caller, &six);
    assert_eq!(
        refused,
        Err(MediaError::NoAddress {
            realm: ACCESS,
            family: Family::V6
        })
    );
    let offer = bench
        .offer(call, Side::Caller, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert!(told(&offer, 0).starts_with("10.0.0.254:"));
}

#[test]
fn an_offer_made_again_in_another_family_changes_nothing_before_its_answer() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let held = "v=0\no=- 1 1 IN IP4 192.168.1.20\ns=-\nt=0 0\n\
                m=audio 4000 RTP/AVP 8\nc=IN IP4 0.0.0.0\n";
    bench.offer(call, Side::Caller, held).unwrap();
    let again = held.replace("IP4 0.0.0.0", "IP6 2001:db8:77::20");
    bench.offer(call, Side::Caller, &again).unwrap();
    assert_eq!(bench.slots.len(), 4);
    let answer = switch("m=audio 16000 RTP/AVP 8\n");
    let answer = bench.answer(call, Side::Callee, &answer).unwrap();
    let place = told(&answer, 0);
    assert!(place.starts_with("[2001:db8::1]:"), "{answer}");
    let party = "[2001:db8:77::20]:4000".parse().ok();
    assert_eq!(bench.at(&place).forwarding.signalled, party);
    bench.check_links();
    bench.close(call);
    bench.check_all_given_back();
}
