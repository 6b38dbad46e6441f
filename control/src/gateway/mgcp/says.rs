//! What Strait says for itself, and in a gateway's name.

use strait_shared::time::Instant;

use super::{Notice, Work, leg_name};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::ended::{EndedLeg, Remembered};
use crate::gateway::controlled::limits::GIVE_UP;
use crate::gateway::controlled::passages::{Asking, PassageName, Work as AnyWork};
use crate::gateway::io::Flow;
use crate::gateway::record::EndedBy;
use crate::mgcp::{LossReason, Own, ReturnCode, TransactionId};

impl Gateway {
    /// Asks a gateway whether it is there: whatever it answers, it is.
    pub(in crate::gateway) fn mgcp_ask(&mut self, now: Instant, key: AssociationKey) {
        let endpoint = self.mgcp_speech(key).map(|speech| speech.endpoint.clone());
        let Some(endpoint) = endpoint else { return };
        self.mgcp_command_of_ours(now, key, &endpoint, AnyWork::KeepAlive, None);
    }

    /// What a call agent is told whose command was taken back.
    pub(in crate::gateway) fn mgcp_retracted(
        &self,
        key: AssociationKey,
        number: u32,
    ) -> Option<Vec<u8>> {
        let own = Own::Response {
            code: ReturnCode::TRANSIENT,
            transaction: TransactionId::new(number)?,
        };
        let mut bytes = Vec::with_capacity(32);
        own.write(self.mgcp_speech(key)?.line_end, &mut bytes);
        Some(bytes)
    }

    /// Ends a connection at its gateway that cannot be relayed.
    pub(super) fn mgcp_delete(
        &mut self,
        now: Instant,
        key: AssociationKey,
        endpoint: &[u8],
        connection: &[u8],
    ) {
        let endpoint = String::from_utf8_lossy(endpoint).into_owned();
        let connection = String::from_utf8_lossy(connection).into_owned();
        let work = AnyWork::Farewell;
        self.mgcp_command_of_ours(now, key, &endpoint, work, Some(&connection));
    }

    /// A leg has ended here: its gateway deletes the connection, and its call agent hears that it
    /// has (RFC 3435 §2.3.8).
    pub(in crate::gateway) fn mgcp_leg_ended(&mut self, now: Instant, ended: &EndedLeg) {
        let mut words = ended.name.splitn(2, |byte| *byte == b' ');
        let (Some(endpoint), Some(connection)) = (words.next(), words.next()) else {
            return;
        };
        let key = ended.association;
        self.mgcp_delete(now, key, endpoint, connection);
        self.mgcp_say_lost(now, ended, endpoint, connection);
        if let Some(association) = self.controlled.associations.watch(key) {
            let name = leg_name(endpoint, connection);
            let (name, group) = (name.into(), ended.group.clone());
            association.ended.push(Remembered { name, group });
        }
    }

    /// Says in a gateway's name that a connection is lost, to whichever call agent answers.
    fn mgcp_say_lost(&mut self, now: Instant, ended: &EndedLeg, endpoint: &[u8], name: &[u8]) {
        let key = ended.association;
        let near = self
            .controlled
            .associations
            .get(key)
            .map(|found| found.near);
        let asked = self.own_question(key, Role::Controller);
        let (Some(near), Some((question, to))) = (near, asked) else {
            return;
        };
        let transaction = TransactionId::new(question.number);
        let (Some(transaction), Some(speech)) = (transaction, self.mgcp_speech(key)) else {
            return;
        };
        let own = Own::Lost {
            transaction,
            endpoint: &format!("{}@{}", String::from_utf8_lossy(endpoint), speech.domain),
            version: &speech.version,
            call: &String::from_utf8_lossy(&ended.group),
            connection: &String::from_utf8_lossy(name),
            reason: match ended.by {
                EndedBy::Operator => LossReason::Intervention,
                _ => LossReason::LayerLost,
            },
        };
        let mut received = Vec::with_capacity(128);
        own.write(speech.line_end, &mut received);
        let Some(message) = self.mgcp_again(key, near, &received) else {
            return;
        };
        let mut rest = self.mgcp_others(now, key);
        rest.reverse();
        let received = received.into();
        let notice = Notice { received, rest };
        let asking = Asking {
            name: question,
            from: None,
            to,
            message: message.clone(),
            patience: self.patience_with(key, notice.has_more()),
            work: AnyWork::Mgcp(Work::Notice(notice)),
            restart: None,
        };
        self.say(to, message.to_vec());
        self.begin_passage(now, asking);
    }

    /// Sends a command of our own to a gateway.
    fn mgcp_command_of_ours(
        &mut self,
        now: Instant,
        key: AssociationKey,
        endpoint: &str,
        work: AnyWork,
        connection: Option<&str>,
    ) {
        if let Some(question) = self.own_question(key, Role::Gateway) {
            self.mgcp_command_as(now, question, endpoint, work, connection);
        }
    }

    /// Sends a command of that name there: to delete a connection, or to do nothing.
    pub(in crate::gateway) fn mgcp_command_as(
        &mut self,
        now: Instant,
        (name, to): (PassageName, Flow),
        endpoint: &str,
        work: AnyWork,
        connection: Option<&str>,
    ) {
        let transaction = TransactionId::new(name.number);
        let speech = self.mgcp_speech(name.association);
        let (Some(transaction), Some(speech)) = (transaction, speech) else {
            return;
        };
        let (end, version) = (speech.line_end, &*speech.version);
        let endpoint = &format!("{endpoint}@{}", speech.domain);
        let own = match connection {
            None => Own::Audit {
                transaction,
                endpoint,
                version,
            },
            Some(connection) => Own::Delete {
                transaction,
                endpoint,
                version,
                connection,
            },
        };
        let mut bytes = Vec::with_capacity(128);
        own.write(end, &mut bytes);
        let asking = Asking {
            name,
            from: None,
            to,
            message: bytes.as_slice().into(),
            work,
            patience: GIVE_UP,
            restart: None,
        };
        self.say(to, bytes);
        self.begin_passage(now, asking);
    }
}
