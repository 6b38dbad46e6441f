//! Whatever gateways, call agents and strangers say, in whichever order: nobody is sent an address
//! of the other side, and in the end nothing is left.

use std::time::Duration;

use fastrand::Rng;
use strait_control::gateway::io::{Input, OperatorCommand};

use super::scene::{CONFIG, gateway_at, party, say};
use crate::world::{CORE, Party, World};

const STEPS: usize = 150;

#[test]
fn whatever_is_said_nothing_is_left() {
    let runs = std::env::var("STRAIT_CHAOS_RUNS").map_or(60, |runs| runs.parse().unwrap());
    let first = std::env::var("STRAIT_CHAOS_SEED").map_or(1, |seed| seed.parse().unwrap());
    for seed in first..first + runs {
        println!("STRAIT_CHAOS_SEED={seed} STRAIT_CHAOS_RUNS=1");
        run(&mut Rng::with_seed(seed));
    }
}

fn run(random: &mut Rng) {
    let mut world = World::with(CONFIG);
    for _ in 0..STEPS {
        let from_gateway = random.bool();
        let from = if from_gateway {
            gateway(random)
        } else {
            agent(random)
        };
        let mut datagram = message(random, from_gateway);
        for _ in 0..random.usize(..3) {
            datagram += ".\r\n";
            datagram += &message(random, from_gateway);
        }
        let mut bytes = datagram.into_bytes();
        if random.u8(..8) == 0 {
            let at = random.usize(..bytes.len());
            bytes[at] = random.choice(*b"\r\n .:@[]0\xff").unwrap();
        }
        world.send_bytes(from, &bytes);
        match random.u8(..20) {
            0 => drop(world.wait(Duration::from_millis(random.u64(..40_000)))),
            1 => drop(world.crash(world.journal.clone())),
            2 => drop(world.input(Input::Operator(OperatorCommand::EndAllCalls))),
            _ => drop(world.wait(Duration::from_millis(random.u64(..900)))),
        }
    }
    // An hour of silence, and what a gateway's legs may yet report.
    world.wait(Duration::from_secs(4_000));
    let sizes = world.gateway.sizes();
    let held = [
        sizes.gateways,
        sizes.legs,
        sizes.passages,
        sizes.calls,
        sizes.sessions,
    ];
    assert_eq!(held, [0; 5], "{sizes:?}");
    assert!(world.open.is_empty());
    assert!(
        say(&mut world, agent(random), "AUEP 1 *@gw MGCP 1.0\r\n")
            .sent
            .is_empty()
    );
}

fn gateway(random: &mut Rng) -> Party {
    gateway_at(
        random
            .choice([
                "203.0.113.7:40001",
                "203.0.113.7:40002",
                "203.0.113.8:40001",
            ])
            .unwrap(),
    )
}

fn agent(random: &mut Rng) -> Party {
    let remote = random
        .choice(["10.0.0.1:2727", "10.0.0.2:2727", "10.0.0.77:2727"])
        .unwrap();
    party(CORE, random.u16(..4), remote)
}

fn message(random: &mut Rng, from_gateway: bool) -> String {
    let number = random.u32(1..9);
    let mut text = match random.u8(..3) {
        0 => {
            let code = random
                .choice(["200", "250", "100", "000", "521", "515", "403"])
                .unwrap();
            format!("{code} {number} said\r\n")
        }
        _ => {
            let verb = random.choice([
                "CRCX", "MDCX", "DLCX", "RQNT", "NTFY", "AUEP", "AUCX", "RSIP",
            ]);
            let local = random
                .choice(["aaln/1", "aaln/2", "aaln/*", "*", "aaln/$"])
                .unwrap();
            let domain = match from_gateway {
                true => random.choice(["gw", "[192.168.1.5]", "192.168.1.5:2427"]),
                false => random.choice(["gw", "[198.51.100.1]", "198.51.100.1:31001"]),
            };
            format!(
                "{} {number} {local}@{} MGCP 1.0\r\n",
                verb.unwrap(),
                domain.unwrap()
            )
        }
    };
    let (own, entity) = match from_gateway {
        true => ("192.168.1.5", "N: ca@[192.0.2.1]:2727"),
        false => ("10.0.0.9", "N: ca@[10.0.0.2]:2727"),
    };
    let lines = [
        "C: A",
        "C: B",
        "I: 1",
        "I: 2",
        "K:",
        "K: 1-5",
        entity,
        "M: sendrecv",
        "M: loopback",
        "RM: restart",
        "RM: disconnected",
        "F: LC,RC",
        "Z: aaln/1@gw",
        "Z2: aaln/2@gw",
        "X: 1",
    ];
    for _ in 0..random.usize(..5) {
        text += random.choice(lines).unwrap();
        text += "\r\n";
    }
    for _ in 0..random.usize(..3) {
        let port = 4000 + 2 * random.u16(..3);
        text += &format!("\r\nv=0\r\nc=IN IP4 {own}\r\nm=audio {port} RTP/AVP 0\r\n");
    }
    text
}
