//! What the media plane has to say.

use strait_shared::time::Instant;

use super::Gateway;
use super::io::{LogLevel, Output};
use super::record::EndedBy;
use crate::media::Notice;

impl Gateway {
    pub(super) fn media_notice(&mut self, now: Instant, notice: Notice) {
        match notice {
            Notice::Finished { session, report } => {
                if let Some(record) = self.calls.reported(session, report) {
                    self.outputs.push_back(Output::Record(Box::new(record)));
                }
            }
            Notice::Dead { session } => {
                if let Some(call) = self.calls.of_session(session) {
                    self.counters.media_dead += 1;
                    self.end_call(now, call, EndedBy::Strait, "media timeout");
                }
            }
            Notice::Failed { session, reason } => {
                if let Some(call) = self.calls.of_session(session) {
                    let number = self.calls.get(call).map_or(0, |call| call.record.number);
                    self.log(now, LogLevel::Warn, || {
                        format!("call {number}: the dataplane opened no media port: {reason:?}")
                    });
                    self.end_call(now, call, EndedBy::Strait, "media failed");
                }
            }
            Notice::Refused {
                session,
                line,
                source,
                count,
                ..
            } => {
                let call = self
                    .calls
                    .of_session(session)
                    .and_then(|call| self.calls.get(call));
                let number = call.map_or(0, |call| call.record.number);
                self.log(now, LogLevel::Info, || {
                    format!(
                        "call {number}: {count} packets from {source} refused, media line {line}"
                    )
                });
            }
            Notice::Latched {
                session,
                line,
                side,
                component,
                source,
            } => {
                let call = self
                    .calls
                    .of_session(session)
                    .and_then(|call| self.calls.get(call));
                let number = call.map_or(0, |call| call.record.number);
                self.log(now, LogLevel::Debug, || {
                    format!("call {number}: {side:?} {component:?} {line} comes from {source}")
                });
            }
        }
    }
}
