//! Calls as the media layer sees them.

use strait_control::media::{Notice, Side};

use crate::bench::Bench;

const PHONE: &str = "v=0\r\no=alice 1 1 IN IP4 192.168.1.20\r\ns=-\r\nc=IN IP4 192.168.1.20\r\n\
    t=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";
const SWITCH: &str = "v=0\r\no=sw 7 7 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\n\
    t=0 0\r\nm=audio 16000 RTP/AVP 8\r\n";

#[test]
fn a_plain_call() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offered = bench.offer(call, Side::Caller, PHONE).unwrap();
    println!("{offered}");
    let answered = bench.answer(call, Side::Callee, SWITCH).unwrap();
    println!("{answered}");
    bench.confirm(call).unwrap();
    bench.check_links();
    for (slot, open) in &bench.slots {
        println!("{slot:?} {:?}\n  {open:?}", bench.geometry.local(*slot));
    }
    bench.close(call);
    bench.report_closed();
    println!("{:?}", bench.notices);
    assert!(matches!(bench.notices[..], [Notice::Finished { .. }]));
}
