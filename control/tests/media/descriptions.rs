//! Descriptions in, descriptions out. Our ports are drawn by lot, so they are shown by name:
//! `RTP0` and `RTCP0` are the pair of the first `m=` line, `RTP1` and `RTCP1` of the second.

use strait_control::media::{Family, Side};

use crate::bench::{ACCESS, Bench, CORE, named};

/// One offer by a phone at 192.168.1.20, as it leaves towards the softswitch.
struct Case {
    says: &'static str,
    callee: Family,
    offered: &'static str,
    relayed: &'static str,
}

const CASES: &[Case] = &[
    Case {
        says: "the session's c= serves every line; what needs no change stays",
        callee: Family::V4,
        offered: "\
v=0
o=alice 2890844526 2890844527 IN IP4 192.168.1.20
s=A call
i=About things
c=IN IP4 192.168.1.20
b=AS:80
t=0 0
a=tool:phone  1.2
m=audio 4000 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
m=video 4002 RTP/AVP 96
a=rtpmap:96 H264/90000
a=sendrecv
",
        relayed: "\
v=0
o=alice 2890844526 2890844527 IN IP4 10.0.0.254
s=A call
i=About things
c=IN IP4 10.0.0.254
b=AS:80
t=0 0
a=tool:phone  1.2
m=audio RTP0 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
m=video RTP1 RTP/AVP 96
a=rtpmap:96 H264/90000
a=sendrecv
",
    },
    Case {
        says: "c= of a line's own, and a=rtcp with and without an address",
        callee: Family::V4,
        offered: "\
v=0
o=alice 1 1 IN IP4 phone.invalid
s=-
t=0 0
m=audio 4000 RTP/AVP 8
c=IN IP4 192.168.1.20
a=rtcp:4500
m=video 4002 RTP/AVP 96
c=IN IP4 192.168.1.21
a=rtcp:4503 IN IP4 192.168.1.22
",
        relayed: "\
v=0
o=alice 1 1 IN IP4 10.0.0.254
s=-
t=0 0
m=audio RTP0 RTP/AVP 8
c=IN IP4 10.0.0.254
a=rtcp:RTCP0
m=video RTP1 RTP/AVP 96
c=IN IP4 10.0.0.254
a=rtcp:RTCP1 IN IP4 10.0.0.254
",
    },
    Case {
        says: "RTCP on RTP's port stays there (RFC 5761)",
        callee: Family::V4,
        offered: "\
v=0
o=- 1 1 IN IP4 192.168.1.20
s=-
c=IN IP4 192.168.1.20
t=0 0
m=audio 4000 RTP/AVP 8
a=rtcp-mux
a=rtcp:4000 IN IP4 192.168.1.20
m=audio 4002 RTP/AVP 8
a=rtcp-mux
a=rtcp:4003
",
        relayed: "\
v=0
o=- 1 1 IN IP4 10.0.0.254
s=-
c=IN IP4 10.0.0.254
t=0 0
m=audio RTP0 RTP/AVP 8
a=rtcp-mux
a=rtcp:RTP0 IN IP4 10.0.0.254
m=audio RTP1 RTP/AVP 8
a=rtcp-mux
a=rtcp:RTCP1
",
    },
    Case {
        says: "ICE, alternatives and BUNDLE go; keys and fingerprints stay",
        callee: Family::V4,
        offered: "\
v=0
o=- 1 1 IN IP4 192.168.1.20
s=-
c=IN IP4 192.168.1.20
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=ice-lite
a=ice-options:trickle
m=audio 4000 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:F7gI
a=ice-pwd:x9cml/YzichV2+XlhiMu8g
a=candidate:1 1 UDP 2130706431 192.168.1.20 4000 typ host
a=candidate:2 1 UDP 1694498815 203.0.113.9 61000 typ srflx raddr 192.168.1.20 rport 4000
a=remote-candidates:1 192.0.2.3 45664
a=end-of-candidates
a=altc:1 IP4 192.168.1.20 4000
a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B
a=setup:actpass
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
a=source-filter: incl IN IP4 * 192.168.1.20
m=audio 0 RTP/AVP 8
a=mid:1
a=bundle-only
",
        relayed: "\
v=0
o=- 1 1 IN IP4 10.0.0.254
s=-
c=IN IP4 10.0.0.254
t=0 0
a=group:LS 0 1
m=audio RTP0 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B
a=setup:actpass
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
m=audio 0 RTP/AVP 8
a=mid:1
",
    },
    Case {
        says: "hold by 0.0.0.0 stays hold",
        callee: Family::V4,
        offered: "\
v=0
o=- 1 2 IN IP4 192.168.1.20
s=-
c=IN IP4 0.0.0.0
t=0 0
m=audio 4000 RTP/AVP 8
",
        relayed: "\
v=0
o=- 1 2 IN IP4 10.0.0.254
s=-
c=IN IP4 0.0.0.0
t=0 0
m=audio RTP0 RTP/AVP 8
",
    },
    Case {
        says: "hold by 0.0.0.0 is :: towards IPv6, per line too",
        callee: Family::V6,
        offered: "\
v=0
o=- 1 2 IN IP4 192.168.1.20
s=-
c=IN IP4 192.168.1.20
t=0 0
m=audio 4000 RTP/AVP 8
c=IN IP4 0.0.0.0
m=video 4002 RTP/AVP 96
",
        relayed: "\
v=0
o=- 1 2 IN IP6 2001:db8:c::254
s=-
c=IN IP6 2001:db8:c::254
t=0 0
m=audio RTP0 RTP/AVP 8
c=IN IP6 ::
m=video RTP1 RTP/AVP 96
",
    },
    Case {
        says: "IPv6 becomes IPv4, literals in odd places too",
        callee: Family::V4,
        offered: "\
v=0
o=2001:db8:77::20 1 1 IN IP6 2001:db8:77::20
s=call from [2001:db8:77::20]
c=IN IP6 2001:db8:77::20
t=0 0
m=audio 4000 RTP/AVP 8
a=rtcp:4001 IN IP6 2001:db8:77::20
a=x-internal:2001:db8:77::20
",
        relayed: "\
v=0
o=10.0.0.254 1 1 IN IP4 10.0.0.254
s=call from [10.0.0.254]
c=IN IP4 10.0.0.254
t=0 0
m=audio RTP0 RTP/AVP 8
a=rtcp:RTCP0 IN IP4 10.0.0.254
a=x-internal:10.0.0.254
",
    },
    Case {
        says: "one port where two were meant; fax and unknown protocols over UDP are relayed",
        callee: Family::V4,
        offered: "\
v=0
o=- 1 1 IN IP4 192.168.1.20
s=-
c=IN IP4 192.168.1.20
t=0 0
m=audio 4000/2 RTP/AVP 8
m=image 4010 udptl t38
a=T38FaxVersion:0
m=application 4012 UDP/BFCP *
",
        relayed: "\
v=0
o=- 1 1 IN IP4 10.0.0.254
s=-
c=IN IP4 10.0.0.254
t=0 0
m=audio RTP0 RTP/AVP 8
m=image RTP1 udptl t38
a=T38FaxVersion:0
m=application RTP2 UDP/BFCP *
",
    },
    Case {
        says: "what does not run over UDP is refused, its attributes with it",
        callee: Family::V4,
        offered: "\
v=0
o=- 1 1 IN IP4 192.168.1.20
s=-
c=IN IP4 192.168.1.20
t=0 0
m=audio 4000 RTP/AVP 8
a=sendrecv
m=message 7394 TCP/MSRP *
c=IN IP4 192.168.1.23
a=accept-types:text/plain
a=path:msrp://192.168.1.20:7394/2s93i9ek2a;tcp
",
        relayed: "\
v=0
o=- 1 1 IN IP4 10.0.0.254
s=-
c=IN IP4 10.0.0.254
t=0 0
m=audio RTP0 RTP/AVP 8
a=sendrecv
m=message 0 TCP/MSRP *
c=IN IP4 10.0.0.254
",
    },
    Case {
        says: "a withdrawn line stays withdrawn and names nobody",
        callee: Family::V4,
        offered: "\
v=0
o=- 1 1 IN IP4 192.168.1.20
s=-
t=0 0
m=audio 4000 RTP/AVP 8
c=IN IP4 192.168.1.20
m=video 0 RTP/AVP 31
c=IN IP4 192.168.1.20
a=rtcp:4003 IN IP4 192.168.1.20
a=inactive
",
        relayed: "\
v=0
o=- 1 1 IN IP4 10.0.0.254
s=-
t=0 0
m=audio RTP0 RTP/AVP 8
c=IN IP4 10.0.0.254
m=video 0 RTP/AVP 31
c=IN IP4 10.0.0.254
a=inactive
",
    },
    Case {
        says: "an offer without streams",
        callee: Family::V6,
        offered: "\
v=0
o=- 1 1 IN IP4 192.168.1.20
s=-
t=0 0
",
        relayed: "\
v=0
o=- 1 1 IN IP6 2001:db8:c::254
s=-
t=0 0
",
    },
];

#[test]
fn offers_towards_the_softswitch() {
    for case in CASES {
        let mut bench = Bench::new();
        let call = bench.begin_between((ACCESS, Family::V4), (CORE, case.callee));
        let relayed = bench.offer(call, Side::Caller, case.offered).unwrap();
        assert_eq!(named(&relayed), case.relayed, "{}", case.says);
        bench.check_links();
        bench.close(call);
        bench.check_all_given_back();
    }
}

#[test]
fn every_line_end_survives() {
    let offered = CASES[0].offered;
    for end in ["\n", "\r\n"] {
        for last in ["", end] {
            let offered = offered.trim_end().replace('\n', end) + last;
            let mut bench = Bench::new();
            let call = bench.begin();
            let relayed = bench.offer(call, Side::Caller, &offered).unwrap();
            let expected = CASES[0].relayed.trim_end().replace('\n', end) + last;
            assert_eq!(named(&relayed), expected);
        }
    }
}

#[test]
fn lines_on_different_addresses_each_say_so() {
    // One pair on each of two addresses: the second stream must go to the other one.
    let config = crate::bench::CONFIG.replace(
        "- { address: 10.0.0.254, ports: 30000-30039 }",
        "- { address: 10.0.0.254, ports: 30000-30001 }\n      \
         - { address: 10.0.0.253, ports: 30002-30003 }",
    );
    let config = config.replace("[ { core: null }, { core: null } ]", "[ { core: null } ]");
    let mut bench = Bench::with(&config);
    let call = bench.begin();
    let relayed = bench.offer(call, Side::Caller, CASES[0].offered).unwrap();
    let session = relayed.lines().find(|line| line.starts_with("c=")).unwrap();
    let video = relayed.split("m=video").nth(1).unwrap();
    let own = video.lines().nth(1).unwrap();
    assert!(own.starts_with("c=IN IP4 10.0.0.25"), "{relayed}");
    assert_ne!(own, session);
    bench.check_links();
}
