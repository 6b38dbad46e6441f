//! What gateways that a controller commands by H.248 cost on one core: registrations, and calls
//! from Add to Subtract, beside whole calls of SIP (`gateway`). Time and heap allocations of the
//! gateway alone.

#[path = "gateway/meter.rs"]
mod meter;

use std::sync::Arc;
use std::time::Duration;

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use strait_control::gateway::{Gateway, WallClock};
use strait_shared::time::Instant;

use self::meter::{Meter, allocator};

/// Gateways that register.
const GATEWAYS: u32 = 10_000;

/// Calls before anything is measured, and calls measured.
const WARM_UP: u32 = 20_000;
const CALLS: u32 = 40_000;

const ACCESS: RealmIndex = RealmIndex(0);
const CORE: RealmIndex = RealmIndex(1);

const CONFIG: &str = r#"
realms:
  - name: access
    nat: true
    media: [ { address: 192.0.2.1, ports: 10000-59999 } ]
    gateway_control:
      addresses: [ { protocol: h248, address: 192.0.2.1, port: 2944 } ]
      controllers: [ mgc-1 ]
      keepalive: 30m
  - name: core
    media: [ { address: 198.51.100.1, ports: 10000-49999 } ]
    gateway_control:
      addresses: [ { protocol: h248, address: 198.51.100.1, ports: 50000-62000 } ]
controllers:
  - { name: mgc-1, realm: core, protocol: h248, address: "10.0.0.1:2944" }
limits: { calls: 1000000, calls_per_second: 100000 }
"#;

fn main() {
    let config = Arc::new(CONFIG.parse().expect("the configuration is valid"));
    let clock = WallClock { unix_ns_at_zero: 0 };
    let gateway = Gateway::new(config, [7; 32], clock).expect("the ports fit");
    let mut meter = Meter::new(gateway, Instant::ZERO);
    let before = allocator::held();
    let far: Vec<Flow> = (0..GATEWAYS)
        .map(|number| register(&mut meter, number))
        .collect();
    meter.report("registrations", GATEWAYS.into());
    meter.pass(Duration::from_secs(40));
    meter.forget();
    let held = (allocator::held() - before) / i64::from(GATEWAYS);
    println!("{held} bytes a gateway");
    for number in 0..WARM_UP + CALLS {
        if number == WARM_UP {
            meter.forget();
        }
        call(&mut meter, &far, number);
    }
    meter.report("calls, Add to Subtract", CALLS.into());
}

/// A gateway registers; the controller's end of its association.
fn register(meter: &mut Meter, number: u32) -> Flow {
    meter.pass(Duration::from_micros(250));
    let [.., high, low] = number.to_be_bytes();
    let text = format!(
        "MEGACO/1 [192.168.{high}.{low}]:2944\r\nTransaction = 1 {{\r\n Context = - {{\r\n  \
         ServiceChange = ROOT {{Services {{\r\n   Method=Restart, Reason=\"901 Cold Boot\",\r\n   \
         ServiceChangeAddress=2944, Profile=ResGW/1}}}}}}}}\r\n"
    );
    meter.receive("1 ServiceChange", near(number), text.as_bytes());
    let (far, _) = meter.sent_to(CORE);
    let reply = "MEGACO/1 [10.0.0.1]:2944\r\nReply = 1 {\r\n Context = - {\r\n  \
                 ServiceChange = ROOT {Services {\r\n   \
                 ServiceChangeAddress=2944, Profile=ResGW/1}}}}\r\n";
    meter.receive("2 Reply", far, reply.as_bytes());
    far
}

/// One gateway's part of a call: three requests and their replies.
fn call(meter: &mut Meter, far: &[Flow], number: u32) {
    meter.pass(Duration::from_millis(1));
    let gateway = number % GATEWAYS;
    let (near, far) = (near(gateway), far[gateway as usize]);
    let [.., high, low] = gateway.to_be_bytes();
    let own = format!("192.168.{high}.{low}");
    let transaction = 100 + 4 * (number / GATEWAYS);
    let ask = |step: u32, actions: &str| {
        format!(
            "MEGACO/1 [10.0.0.1]:2944\r\nTransaction = {} {{\r\n{actions}}}\r\n",
            transaction + step
        )
    };
    let answer = |step: u32, actions: &str| {
        format!(
            "MEGACO/1 [{own}]:2944\r\nReply = {} {{\r\n{actions}}}\r\n",
            transaction + step
        )
    };
    let add = "Context = $ { Add = A4444, Add = $ { Media { Stream = 1 { LocalControl { \
               Mode = ReceiveOnly, nt/jit=40 }, Local {\r\nv=0\r\nc=IN IP4 $\r\n\
               m=audio $ RTP/AVP 4\r\na=ptime:30\r\n} } } } }";
    meter.receive("3 Add", far, ask(0, add).as_bytes());
    let added = format!(
        "Context = 2000 {{ Add = A4444, Add = A4445 {{ Media {{ Stream = 1 {{ Local {{\r\nv=0\r\n\
         o=- 2890844526 2890842807 IN IP4 {own}\r\ns=-\r\nt= 0 0\r\nc=IN IP4 {own}\r\n\
         m=audio 2222 RTP/AVP 4\r\na=ptime:30\r\n}} }} }} }} }}"
    );
    meter.receive("4 Reply", near, answer(0, &added).as_bytes());
    let modify = "Context = 2000 { Modify = A4445 { Media { Stream = 1 { LocalControl { \
                  Mode = SendReceive }, Remote {\r\nv=0\r\nc=IN IP4 10.0.0.9\r\n\
                  m=audio 1111 RTP/AVP 4\r\n} } } } }";
    meter.receive("5 Modify", far, ask(1, modify).as_bytes());
    let modified = "Context = 2000 { Modify = A4445 }";
    meter.receive("6 Reply", near, answer(1, modified).as_bytes());
    let subtract = "Context = 2000 { Subtract = A4444, Subtract = A4445 {Audit{Statistics}} }";
    meter.receive("7 Subtract", far, ask(2, subtract).as_bytes());
    let subtracted = "Context = 2000 { Subtract = A4444, Subtract = A4445 { Statistics { \
                      rtp/ps=1245, nt/os=62345, rtp/pr=780, nt/or=45123, rtp/jit=27 } } }";
    meter.receive("8 Reply", near, answer(2, subtracted).as_bytes());
    meter.report_closed();
}

fn near(number: u32) -> Flow {
    let [.., a, b] = number.to_be_bytes();
    flow(ACCESS, ([203, 0, a, b], 40_000).into())
}

fn flow(realm: RealmIndex, remote: std::net::SocketAddr) -> Flow {
    Flow {
        realm,
        listener: ListenerIndex(0),
        transport: Transport::Udp,
        remote,
        connection: None,
    }
}
