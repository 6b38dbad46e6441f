//! `strait check`: what is wrong with a configuration, or what it comes to.

use std::time::Duration;

use serde::Serialize;
use strait_config::{Checked, Config, Report, check_file, geometry, machine};
use strait_control::users::Users;
use strait_shared::{
    attach::{FetchError, fetch},
    region::Region,
};

use crate::{
    access::REGION_SOCKET,
    arguments::Check,
    exit::{Exit, Failure},
    print,
};

/// Explains every mistake of the file; without any, sums it up.
pub fn check(arguments: &Check) -> Result<(), Failure> {
    let Checked { config, report } = check_file(&arguments.config);
    let here = config.as_ref().filter(|_| !arguments.elsewhere);
    let mut lacking = here.map(machine::lacking).unwrap_or_default();
    lacking.extend(here.into_iter().flat_map(unreadable_users));
    lacking.extend(here.and_then(refusal));
    let summary = config.as_ref().map(Summary::new);
    if arguments.json {
        let valid = config.is_some();
        print::json(&Outcome {
            valid,
            report: &report,
            lacking: &lacking,
            summary,
        })?;
    } else {
        eprint!("{report}");
        if let Some(summary) = &summary {
            print::lines(&summary.text(&report.file))?;
        }
        for lack in &lacking {
            eprintln!("{}: on this machine: {lack}", report.file);
        }
    }
    match config {
        Some(_) => Ok(()),
        None => Err(Failure::new(Exit::Configuration, "")),
    }
}

/// Tables of users that cannot be read, with what is wrong with them.
fn unreadable_users(config: &Config) -> Vec<String> {
    let realms = config.realms.iter();
    let tables = realms.filter_map(|realm| realm.serve.as_ref()?.users.as_ref());
    let errors = tables.filter_map(|path| Users::load(path).err());
    errors.map(|error| error.to_string()).collect()
}

/// Why the processes that run here could not be restarted with this configuration and by this
/// release without ending their calls; nothing where they could, or none run.
fn refusal(config: &Config) -> Option<String> {
    let geometry = geometry(config).expect("a valid configuration makes a geometry");
    let socket = config.runtime_directory().join(REGION_SOCKET);
    match fetch(&socket, Some(&geometry), Duration::ZERO) {
        Err(FetchError::Attach(error)) => Some(format!(
            "a restart would end the calls of the Strait that runs here: {error}"
        )),
        _ => None,
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome<'a> {
    valid: bool,
    #[serde(flatten)]
    report: &'a Report,
    /// What this machine lacks for it, one sentence each.
    lacking: &'a [String],
    summary: Option<Summary>,
}

/// What a valid configuration comes to.
#[derive(Serialize)]
struct Summary {
    instance: String,
    runtime_directory: String,
    realms: Vec<RealmSummary>,
    softswitches: Vec<String>,
    controllers: Vec<String>,
    workers: usize,
    /// Calls with one stream that ports and limits allow at once.
    calls: u32,
    /// Bytes of the shared-memory region.
    region_bytes: usize,
}

#[derive(Serialize)]
struct RealmSummary {
    name: String,
    signalling: Vec<String>,
    media: Vec<String>,
    /// Streams that its media ports allow at once.
    streams: u32,
    forward_to: Vec<String>,
    /// The controllers that its gateways are brought to.
    controllers: Vec<String>,
    /// The domains it serves itself.
    serves: Vec<String>,
}

impl Summary {
    fn new(config: &Config) -> Summary {
        let realms: Vec<RealmSummary> = config.realms.iter().map(RealmSummary::new).collect();
        let fewest = realms.iter().map(|realm| realm.streams).min().unwrap_or(0);
        let geometry = geometry(config).expect("a valid configuration makes a geometry");
        let softswitches = config.softswitches.iter().map(|softswitch| {
            let transport = softswitch.transport.as_str();
            format!("{} {transport} {}", softswitch.name, softswitch.address)
        });
        let controllers = config.controllers.iter().map(|controller| {
            let (protocol, transport) = (controller.protocol, controller.transport);
            let spoken = format!("{} {}", protocol.as_str(), transport.as_str());
            format!("{} {spoken} {}", controller.name, controller.address)
        });
        Summary {
            instance: config.instance.to_string(),
            runtime_directory: config.runtime_directory().display().to_string(),
            softswitches: softswitches.collect(),
            controllers: controllers.collect(),
            workers: config.dataplane.workers.len(),
            calls: fewest.min(config.limits.calls),
            region_bytes: Region::bytes_for(&geometry),
            realms,
        }
    }

    fn text(&self, file: &str) -> String {
        let mut lines = vec![
            format!("{file}: valid"),
            format!(
                "  instance    {} in {}",
                self.instance, self.runtime_directory
            ),
        ];
        for realm in &self.realms {
            lines.push(format!("  realm       {}", realm.name));
            lines.push(format!("    signalling  {}", realm.signalling.join(", ")));
            let (media, streams) = (realm.media.join(", "), realm.streams);
            lines.push(format!(
                "    media       {media}: {streams} streams at once"
            ));
            if !realm.serves.is_empty() {
                lines.push(format!("    serves      {}", realm.serves.join(", ")));
            }
            if !realm.controllers.is_empty() {
                let names = realm.controllers.join(", then ");
                lines.push(format!("    gateways go to {names}"));
            }
            if !realm.forward_to.is_empty() {
                lines.push(format!(
                    "    forwards to {}",
                    realm.forward_to.join(", then ")
                ));
            }
        }
        lines.extend(
            self.softswitches
                .iter()
                .map(|text| format!("  softswitch  {text}")),
        );
        let controllers = self.controllers.iter();
        lines.extend(controllers.map(|text| format!("  controller  {text}")));
        lines.push(format!("  calls       {} at once", self.calls));
        let memory = print::bytes(self.region_bytes as u64);
        lines.push(format!(
            "  memory      {memory} shared, {} worker(s)",
            self.workers
        ));
        lines.join("\n")
    }
}

impl RealmSummary {
    fn new(realm: &strait_config::Realm) -> RealmSummary {
        let media = realm.media.iter();
        let domains = realm.serve.iter().flat_map(|serve| &serve.domains);
        RealmSummary {
            name: realm.name.to_string(),
            signalling: realm.heard_on(),
            media: media
                .map(|media| format!("{} {}", media.address, media.ports))
                .collect(),
            streams: realm.media.iter().map(|media| media.ports.pairs()).sum(),
            controllers: (realm.gateway_control.iter())
                .flat_map(|control| control.controllers.iter().map(ToString::to_string))
                .collect(),
            forward_to: realm.forward_to.iter().map(ToString::to_string).collect(),
            serves: domains.map(ToString::to_string).collect(),
        }
    }
}
