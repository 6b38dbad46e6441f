//! What Strait says for itself to a gateway.

use strait_shared::time::Instant;

use super::Work;
use crate::gateway::Gateway;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::limits::GIVE_UP;
use crate::gateway::controlled::passages::{Asking, Work as AnyWork};
use crate::gateway::io::Output;
use crate::mgcp::{Own, TransactionId};

impl Gateway {
    /// Asks a gateway whether it is there: whatever it answers, it is.
    pub(in crate::gateway) fn mgcp_ask(&mut self, now: Instant, key: AssociationKey) {
        let endpoint = self.mgcp_speech(key).map(|speech| speech.endpoint.clone());
        let Some(endpoint) = endpoint else { return };
        self.mgcp_command_of_ours(now, key, &endpoint, AnyWork::KeepAlive, None);
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
        let work = AnyWork::Mgcp(Work::Farewell);
        self.mgcp_command_of_ours(now, key, &endpoint, work, Some(&connection));
    }

    fn mgcp_command_of_ours(
        &mut self,
        now: Instant,
        key: AssociationKey,
        endpoint: &str,
        work: AnyWork,
        connection: Option<&str>,
    ) {
        let Some((name, to)) = self.own_question(key) else {
            return;
        };
        let transaction = TransactionId::new(name.number);
        let (Some(transaction), Some(speech)) = (transaction, self.mgcp_speech(key)) else {
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
        };
        self.counters.sent += 1;
        self.outputs.push_back(Output::Send { flow: to, bytes });
        self.begin_passage(now, asking);
    }
}
