//! Names are unique and known, and signalling goes somewhere else than where it came from.

use std::{collections::BTreeSet, fmt::Display};

use super::{Judge, controller, realm, softswitch};
use crate::{Config, Realm, path::Path, wording::nearest};

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    unique(judge, "realm", config.realms.iter().map(|r| &r.name), |i| {
        realm(i).key("name")
    });
    unique(
        judge,
        "softswitch",
        config.softswitches.iter().map(|s| &s.name),
        |i| softswitch(i).key("name"),
    );
    unique(
        judge,
        "controller",
        config.controllers.iter().map(|c| &c.name),
        |i| controller(i).key("name"),
    );
    unique(
        judge,
        "NIC",
        config.dataplane.nics.iter().map(|n| &n.name),
        nic_name,
    );
    let before = judge.findings.len();
    known(config, judge);
    routes(config, judge);
    // What a misspelt name leaves unused is not worth a word of its own.
    if judge.findings.len() == before {
        unused(config, judge);
    }
}

fn unique<N: PartialEq + Display>(
    judge: &mut Judge<'_>,
    what: &str,
    names: impl Iterator<Item = N>,
    path: impl Fn(usize) -> Path,
) {
    let names: Vec<N> = names.collect();
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names[..index].iter().position(|other| other == name) {
            let (here, first) = (path(index), path(first));
            let message = format!("`{name}` also names {}", first.parent());
            judge.error(
                &[&here, &first],
                message,
                &format!("a name of its own for each {what}"),
            );
        }
    }
}

/// Every name that is used stands for something.
fn known(config: &Config, judge: &mut Judge<'_>) {
    let realms: Vec<&str> = config
        .realms
        .iter()
        .map(|realm| realm.name.as_str())
        .collect();
    let nics: Vec<&str> = config
        .dataplane
        .nics
        .iter()
        .map(|nic| nic.name.as_str())
        .collect();
    let softswitches: Vec<&str> = config
        .softswitches
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    for (index, settings) in config.softswitches.iter().enumerate() {
        unknown(
            judge,
            &softswitch(index).key("realm"),
            "realm",
            settings.realm.as_str(),
            &realms,
        );
    }
    for (index, settings) in config.controllers.iter().enumerate() {
        let path = controller(index).key("realm");
        unknown(judge, &path, "realm", settings.realm.as_str(), &realms);
    }
    for (index, settings) in config.realms.iter().enumerate() {
        for (number, media) in settings.media.iter().enumerate() {
            let path = realm(index).key("media").index(number).key("nic");
            unknown(judge, &path, "NIC", media.nic.as_str(), &nics);
        }
        for (choice, name) in settings.forward_to.iter().enumerate() {
            let path = realm(index).key("forward_to").index(choice);
            unknown(judge, &path, "softswitch", name.as_str(), &softswitches);
        }
    }
}

/// A realm forwards to softswitches of other realms, to each once.
fn routes(config: &Config, judge: &mut Judge<'_>) {
    for (index, settings) in config.realms.iter().enumerate() {
        let routes = realm(index).key("forward_to");
        for (choice, name) in settings.forward_to.iter().enumerate() {
            let here = routes.index(choice);
            if let Some(first) = settings.forward_to[..choice].iter().position(|n| n == name) {
                let message = format!("`{name}` stands here twice");
                judge.error(
                    &[&here, &routes.index(first)],
                    message,
                    "each softswitch once",
                );
                continue;
            }
            let target = config.softswitches.iter().position(|s| &s.name == name);
            if let Some(to) = target
                && config.softswitches[to].realm == settings.name
            {
                let message = format!(
                    "`{name}` lives in realm `{}` itself, so its requests would come back",
                    settings.name
                );
                let home = softswitch(to).key("realm");
                judge.error(&[&here, &home], message, "a softswitch of another realm");
            }
        }
    }
}

/// What is defined is also used.
fn unused(config: &Config, judge: &mut Judge<'_>) {
    for (index, settings) in config.softswitches.iter().enumerate() {
        let forwarded = |realm: &Realm| realm.forward_to.contains(&settings.name);
        let served = |realm: &Realm| realm.serve.is_some() && settings.domain.is_some();
        if !config.realms.iter().any(|r| forwarded(r) || served(r)) {
            let message = format!("nothing is forwarded to `{}`", settings.name);
            let allowed = "the name in `forward_to` of some realm";
            judge.warning(&softswitch(index).key("name"), message, allowed);
        }
    }
    for (index, settings) in config.realms.iter().enumerate() {
        let home = config.softswitches.iter().any(|s| s.realm == settings.name);
        let heard = !settings.signalling.is_empty();
        if heard && settings.forward_to.is_empty() && settings.serve.is_none() && !home {
            let message = "requests from this realm go nowhere, and no softswitch lives in it";
            judge.warning(
                &realm(index).key("name"),
                message.to_owned(),
                "a key `forward_to`",
            );
        }
    }
    for (index, nic) in config.dataplane.nics.iter().enumerate() {
        let mut media = config.realms.iter().flat_map(|realm| &realm.media);
        if !media.any(|media| media.nic == nic.name) {
            let message = format!("no media address is on NIC `{}`", nic.name);
            judge.warning(
                &nic_name(index),
                message,
                "the name in `nic` of a media address",
            );
        }
    }
}

pub(super) fn unknown(judge: &mut Judge<'_>, path: &Path, what: &str, name: &str, known: &[&str]) {
    if !known.contains(&name) {
        let names: BTreeSet<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let names: Vec<String> = names.into_iter().collect();
        let allowed = match names.as_slice() {
            [] => format!("the name of a {what}, but none is defined"),
            names => names.join(", "),
        };
        let suggestion = nearest(name, known).map(str::to_owned);
        judge.suggesting(
            &[path],
            format!("there is no {what} `{name}`"),
            &allowed,
            suggestion,
        );
    }
}

fn nic_name(index: usize) -> Path {
    Path::root()
        .key("dataplane")
        .key("nics")
        .index(index)
        .key("name")
}
