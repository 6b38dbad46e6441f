//! Examples of the mappings of the file, for the manual and for editors.

pub(crate) const LIMITS: &str = "limits: { calls: 5000, calls_per_second: 500 }";

pub(crate) const DATAPLANE: &str = "dataplane:
  nics: [ { name: default, port: udp } ]
  workers: [ { core: 2 }, { core: 3 } ]
  idle: poll";

pub(crate) const DPDK: &str = "dpdk: { options: [ --no-huge, -m, '256' ] }";

pub(crate) const NIC: &str = "nics:
  - { name: access, port: af_xdp, interface: eth0, mode: native }
  - { name: core, port: dpdk, device: '0000:3b:00.0', interface: core0 }
  - { name: capture, port: pcap, write: out.pcap }";

pub(crate) const RECORDS: &str = "records: { file: /var/lib/strait/calls.jsonl }";

pub(crate) const JOURNAL: &str = "journal: { file: /var/lib/strait/strait.journal }";

pub(crate) const LOG: &str = "log: { level: debug }";

pub(crate) const REALM: &str = "realms:
  - name: access
    nat: true
    signalling: [ { transport: udp, address: 192.0.2.1 } ]
    media: [ { address: 192.0.2.1, ports: 20000-29999 } ]
    keepalive: { method: options, interval: 25s }
    forward_to: [core-1, core-2]";

pub(crate) const SERVE: &str = "serve:
  domains: [ example.net ]
  users: /etc/strait/users.yaml
  steering: { media: direct, judge: arrival, mismatch: redirect }
  towards: [ { domain: example.org, judge: terminal } ]";

pub(crate) const STEERING: &str =
    "steering: { media: relayed, judge: offer, mismatch: relay, status: 380 }";

pub(crate) const TOWARDS: &str = "towards: [ { realm: trunk, mismatch: altc } ]";

pub(crate) const DNS: &str = r#"dns: { servers: [ "192.0.2.53:53", "[2001:db8::53]:53" ] }"#;

pub(crate) const SIGNALLING_ADDRESS: &str = r#"signalling:
  - { transport: udp, address: 192.0.2.1, port: 5060 }
  - { transport: tcp, address: "2001:db8::1", port: 5060 }"#;

pub(crate) const GATEWAY_CONTROL: &str = "gateway_control:
  addresses:
    - { protocol: h248, transport: udp, address: 192.0.2.1, port: 2944 }
    - { protocol: mgcp, address: 192.0.2.1 }
  controllers: [ mgc-1, mgc-2, agent-1 ]
  keepalive: 25s";

pub(crate) const CONTROL_ADDRESS: &str = "addresses:
  - { protocol: h248, transport: udp, address: 10.0.0.1, ports: 30000-30999 }
  - { protocol: mgcp, address: 10.0.0.1, ports: 31000-31999 }";

pub(crate) const CONTROLLER: &str = r#"controllers:
  - { name: mgc-1, realm: core, protocol: h248, address: "10.0.0.20:2944" }
  - { name: agent-1, realm: core, protocol: mgcp, address: "10.0.0.30:2727" }"#;

pub(crate) const MEDIA_ADDRESS: &str = r#"media:
  - { address: 192.0.2.1, ports: 20000-29999 }
  - { address: "2001:db8::1", ports: 20000-29999 }"#;

pub(crate) const POLICE: &str =
    "police: { packets_per_second: 200, bytes_per_second: 64000, burst_ms: 200 }";

pub(crate) const KEEP_ALIVE: &str = "keepalive: { method: options, interval: 25s }";

pub(crate) const REGISTRATION: &str =
    "registration: { minimum_expiry: 60s, maximum_expiry: 1h, absorb: true }";

pub(crate) const HIDE: &str = "hide: { from_to_hosts: true, call_id: true }";

pub(crate) const SOFTSWITCH: &str = r#"softswitches:
  - { name: core-1, realm: core, address: "10.0.0.1:5060", domain: example.org }"#;
