//! `strait gateways`: who is commanded through Strait, from where and by whom.

use strait_control::admin::model::Gateway;

use crate::{
    access::{Access, converse},
    arguments::Instance,
    calls::checked,
    exit::Failure,
    print,
};

const HEAD: [&str; 8] = [
    "gateway",
    "protocol",
    "realm",
    "heard at",
    "silent",
    "controller",
    "known as",
    "legs",
];

/// Lists gateways.
pub fn gateways(instance: &Instance) -> Result<(), Failure> {
    let access = Access::new(instance)?;
    let all: Vec<Gateway> = converse(checked(&access, access.get("/gateways")))?;
    if instance.json {
        return print::json(&all);
    }
    if all.is_empty() {
        return print::lines("no gateways");
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    print::lines(&print::table(&HEAD, &rows))
}

fn row(gateway: &Gateway) -> Vec<String> {
    let controller = print::plain(&gateway.controller);
    let known_as = gateway.known_as.map(|address| address.to_string());
    vec![
        print::plain(&gateway.name),
        print::plain(&gateway.protocol),
        print::plain(&gateway.realm),
        gateway.remote.to_string(),
        print::clock(gateway.silent_for_ms),
        match gateway.registered {
            true => controller,
            false => format!("{controller} (not yet)"),
        },
        known_as.unwrap_or_default(),
        gateway.legs.to_string(),
    ]
}
