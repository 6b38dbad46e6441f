//! `strait status` and `strait drain`.

use hyper::Method;
use strait_control::admin::model::{Nic, Softswitch, State, Status};

use crate::{
    access::{Access, converse},
    arguments::Instance,
    exit::Failure,
    print,
};

/// Says how a running Strait is doing.
pub fn status(arguments: &Instance) -> Result<(), Failure> {
    let access = Access::new(arguments)?;
    let status = converse(access.status())?;
    if arguments.json {
        print::json(&status)
    } else {
        print::lines(&text(&status))
    }
}

/// Has a running Strait take no new calls.
pub fn drain(arguments: &Instance) -> Result<(), Failure> {
    let access = Access::new(arguments)?;
    let status = converse(async {
        access.status().await?;
        access.order(Method::POST, "/drain").await?;
        access.status().await
    })?;
    if arguments.json {
        print::json(&status)
    } else {
        print::lines(&format!(
            "{}: {} calls stand",
            state(status.state),
            status.calls
        ))
    }
}

/// The state in a word.
pub fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Draining => "draining",
    }
}

/// `up` or `down`.
pub fn up(softswitch: &Softswitch) -> &'static str {
    if softswitch.up { "up" } else { "down" }
}

/// How a NIC is got at.
pub fn access(nic: &Nic) -> String {
    print::plain(nic.access.as_deref().unwrap_or("not open"))
}

fn text(status: &Status) -> String {
    let dataplane = if status.dataplane.attached {
        "attached"
    } else {
        "away"
    };
    let mut lines = vec![
        format!(
            "instance       {} ({})",
            print::plain(&status.instance),
            status.version
        ),
        format!("state          {}", state(status.state)),
        format!("calls          {}", status.calls),
        format!("registrations  {}", status.registrations),
        format!("gateways       {}", status.gateways),
        format!(
            "dataplane      {dataplane}, {} worker(s)",
            status.workers.len()
        ),
    ];
    for nic in &status.dataplane.nics {
        let name = print::plain(&nic.name);
        lines.push(format!("nic            {name}: {}", access(nic)));
    }
    for realm in &status.realms {
        let (used, all) = (realm.media_pairs_used, realm.media_pairs);
        let name = print::plain(&realm.name);
        lines.push(format!(
            "realm          {name}: {used} of {all} port pairs in use"
        ));
    }
    for softswitch in &status.softswitches {
        let name = print::plain(&softswitch.name);
        lines.push(format!(
            "softswitch     {name} {}: {}",
            softswitch.address,
            up(softswitch)
        ));
    }
    lines.join("\n")
}
