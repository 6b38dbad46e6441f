//! The gateway from outside: messages in, messages out, by behaviour.

#![allow(clippy::unwrap_used)]

#[path = "gateway/anybody.rs"]
mod anybody;
#[path = "gateway/choices.rs"]
mod choices;
#[path = "gateway/leavings.rs"]
mod leavings;
#[path = "corpus/replay.rs"]
mod replay;
#[path = "gateway/texts.rs"]
mod texts;
#[path = "gateway/utterances.rs"]
mod utterances;
#[path = "gateway/world.rs"]
mod world;

#[path = "agents/mod.rs"]
mod agents;
#[path = "gateway/calls.rs"]
mod calls;
#[path = "gateway/cancelling.rs"]
mod cancelling;
#[path = "gateway/capabilities.rs"]
mod capabilities;
#[path = "gateway/chaos.rs"]
mod chaos;
#[path = "controlled/mod.rs"]
mod controlled;
#[path = "gateway/crashes.rs"]
mod crashes;
#[path = "gateway/dialogs.rs"]
mod dialogs;
#[path = "gateway/inquiries.rs"]
mod inquiries;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/lossless.rs"]
mod lossless;
#[path = "gateway/out_of_reach.rs"]
mod out_of_reach;
#[path = "gateway/redirections.rs"]
mod redirections;
#[path = "gateway/registrations.rs"]
mod registrations;
#[path = "gateway/routing.rs"]
mod routing;
#[path = "serve/mod.rs"]
mod serve;
#[path = "gateway/strangers.rs"]
mod strangers;
#[path = "gateway/successors.rs"]
mod successors;
