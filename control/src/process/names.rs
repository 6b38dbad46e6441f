//! Questions of the gateway's to the DNS, and their answers.

use std::rc::Rc;

use strait_config::Config;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Process;
use crate::gateway::io::{Input, Lookup, LookupError};
use crate::resolve::Resolver;

/// What asks the DNS.
///
/// Questions are as many as requests that wait for an answer, which the gateway bounds.
pub(super) struct Names {
    asking: UnboundedSender<Lookup>,
    resolver: Option<Rc<Resolver>>,
}

impl Names {
    /// Reads whom to ask, where a realm may ask at all; with the questions that are to be asked.
    pub(super) fn new(config: &Config, seed: [u8; 32]) -> (Self, UnboundedReceiver<Lookup>) {
        let serve = config
            .realms
            .iter()
            .filter_map(|realm| realm.serve.as_ref());
        let wanted = serve.into_iter().any(|serve| serve.dns);
        let resolver = wanted.then(|| Resolver::new(&config.dns.servers, seed));
        let resolver = resolver.and_then(|made| {
            made.inspect_err(|error| {
                tracing::warn!(
                    "{error}; calls to other domains are answered 503: see `dns.servers`"
                );
            })
            .ok()
        });
        let (asking, questions) = unbounded_channel();
        let resolver = resolver.map(Rc::new);
        (Self { asking, resolver }, questions)
    }

    /// Has a question asked.
    pub(super) fn ask(&self, lookup: Lookup) {
        // Nobody listens any more where the process ends.
        let _ = self.asking.send(lookup);
    }
}

impl Process {
    /// Asks the gateway's questions, all at a time.
    pub(super) async fn ask_names(self: Rc<Self>, mut questions: UnboundedReceiver<Lookup>) {
        while let Some(lookup) = questions.recv().await {
            tokio::task::spawn_local(self.clone().ask_name(lookup));
        }
    }

    async fn ask_name(self: Rc<Self>, lookup: Lookup) {
        let answer = match &self.names.resolver {
            Some(resolver) => resolver.locate(&lookup).await,
            None => Err(LookupError::Failed),
        };
        let id = lookup.id;
        self.step(|gateway, now| gateway.receive(now, Input::Resolved { id, answer }));
    }
}
