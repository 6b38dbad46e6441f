//! What goes on beside signalling: timers, the dataplane's reports and its life.

use std::rc::Rc;

use strait_shared::time::Instant;
use tokio::time::sleep;

use super::Process;
use super::limits::SEARCH_LOG_INTERVAL;
use crate::gateway::io::Input;
use crate::journal::limits::COMMIT_INTERVAL;
use crate::link::limits::{POLL_BUSY, POLL_IDLE, REATTACH_LIMIT, WATCH_INTERVAL};
use crate::link::{Change, Dataplane};

impl Process {
    /// Wakes the gateway when it wants to be.
    pub(super) async fn keep_time(self: Rc<Self>) {
        loop {
            let next = self.gateway.borrow().next_timeout();
            self.armed.set(next);
            let Some(next) = next else {
                self.rearm.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep(next.since(Instant::now())) => {
                    self.step(|gateway, now| gateway.timeout(now));
                }
                () = self.rearm.notified() => {}
            }
        }
    }

    /// Has what changed written, soon: what changes again until then is written once.
    pub(super) async fn keep_journal(self: Rc<Self>) {
        loop {
            self.changed.notified().await;
            sleep(COMMIT_INTERVAL).await;
            self.write_journal();
        }
    }

    /// Gives the journal what has changed since the last time.
    pub(super) fn write_journal(&self) {
        if let Some(journal) = &self.journal {
            journal.write(self.gateway.borrow_mut().journal(Instant::now()));
        }
    }

    /// Changes that are not on disk.
    pub(super) fn unwritten(&self) -> u64 {
        let journal = self.journal.as_ref();
        journal.map_or(0, |journal| {
            (self.gateway.borrow().unjournaled() + journal.waiting()) as u64
        })
    }

    /// Hands the workers' reports to the gateway.
    pub(super) async fn take_reports(self: Rc<Self>) {
        let mut reports = Vec::new();
        loop {
            let busy = self.standing_calls() > 0 || self.dataplane.borrow().link().waiting() > 0;
            sleep(if busy { POLL_BUSY } else { POLL_IDLE }).await;
            self.dataplane.borrow_mut().poll(&mut reports);
            for report in reports.drain(..) {
                self.report(report);
            }
        }
    }

    /// Notices when the dataplane goes, and finds it again.
    pub(super) async fn watch_dataplane(self: Rc<Self>) {
        let (mut complained, mut lost_commands) = (None, 0);
        loop {
            sleep(WATCH_INTERVAL).await;
            self.tell_change();
            self.tell_losses(&mut lost_commands);
            if !self.dataplane.borrow().wants_fetching() {
                continue;
            }
            let now = Instant::now();
            match self.search().await {
                Ok(lost_media) => self.came_back(lost_media),
                Err(_)
                    if complained
                        .is_some_and(|at: Instant| now.since(at) < SEARCH_LOG_INTERVAL) => {}
                Err(error) => {
                    tracing::warn!("looking for the dataplane: {error}");
                    complained = Some(now);
                }
            }
        }
    }

    fn tell_change(&self) {
        match self.dataplane.borrow_mut().watch(Instant::now()) {
            Some(Change::Lost(why)) => {
                tracing::error!("the dataplane is lost: {why}; new calls are refused");
            }
            Some(Change::Back) => tracing::info!("the dataplane is back"),
            None => {}
        }
    }

    fn tell_losses(&self, known: &mut u64) {
        let lost = self.dataplane.borrow().link().counters().lost;
        if lost > *known {
            tracing::error!(
                "{} commands to the dataplane are lost: it is too far behind; restart both \
                 processes once the calls have ended",
                lost - *known
            );
        }
        *known = lost;
    }

    /// Looks for the dataplane; true when it has come back without the media of our calls.
    async fn search(&self) -> Result<bool, String> {
        let path = self
            .config
            .runtime_directory()
            .join(super::start::REGION_SOCKET);
        let geometry = strait_config::geometry(&self.config).map_err(|error| error.to_string())?;
        let known = self.dataplane.borrow().identity();
        let searching = move || Dataplane::search(path, &geometry, known, REATTACH_LIMIT);
        let found = tokio::task::spawn_blocking(searching)
            .await
            .map_err(|e| e.to_string())?;
        let found = found.map_err(|error| error.to_string())?;
        Ok(self.dataplane.borrow_mut().adopt(found))
    }

    fn came_back(&self, lost_media: bool) {
        let calls = self.standing_calls();
        if lost_media && calls > 0 {
            tracing::error!("the dataplane has forgotten the media of {calls} calls: ending them");
            self.step(|gateway, now| gateway.receive(now, Input::MediaLost));
        }
    }
}
