//! Dialogs (RFC 3261 §12): what each side knows of the other, and under which names.
//!
//! Strait is an endpoint of a dialog on either side. Tags and CSeq numbers are the same on both;
//! Call-ID, URIs, route set and remote target are each side's own. A dialog has two names, one
//! for what comes from either party, and a realm is part of a name: a softswitch that sends a call
//! back through us makes two dialogs with the same Call-ID and tags.

use slotmap::{SlotMap, new_key_type};

use super::calls::CallKey;
use super::exchange::ExchangeKey;
use super::io::{Flow, RealmIndex};
use super::keyed::{Key, Map, Purpose};
use super::record::Timestamp;
use super::timer::TimerId;
use super::token::Token;
use super::transaction::{ClientId, ServerId};
use crate::media::{SessionId, Side};

new_key_type! {
    /// A dialog; never means another one later.
    pub struct DialogKey;
}

/// What Strait, in place of the other party, knows of one party.
#[derive(Clone, Debug)]
pub struct Party {
    /// Where it was last heard, or is sent to.
    pub flow: Flow,
    /// The Call-ID on its side.
    pub call_id: Box<[u8]>,
    /// Its own URI as it writes it.
    pub uri: Box<[u8]>,
    /// The other party's URI as it writes it.
    pub peer_uri: Box<[u8]>,
    /// Its tag; empty until it has given one.
    pub tag: Box<[u8]>,
    /// Its Contact: what requests to it are addressed to.
    pub target: Box<[u8]>,
    /// The Route values of requests to it, in order, comma-separated.
    pub route_set: Box<[u8]>,
    /// What stands for its Contact on the other side.
    pub contact: Option<Token>,
    /// The highest CSeq number of its requests.
    pub cseq: u32,
}

/// A dialog through Strait.
#[derive(Debug)]
pub struct Dialog {
    /// Caller and callee.
    pub parties: [Party; 2],
    /// The call, where it is one's dialog and the call goes on.
    pub call: Option<CallKey>,
    /// Whether bodies pass as they are: media does not go through us.
    pub direct: bool,
    /// Its media, where it has some.
    pub session: Option<SessionId>,
    /// Whether an offer of the INVITE that began it was answered.
    pub agreed: bool,
    /// Ends the subscription that shares or is the dialog, unless it is heard of before.
    pub subscription: Option<TimerId>,
    /// Whose INVITE waits for its final response (RFC 3261 §14).
    pub inviting: Option<Side>,
    /// The INVITE within the dialog that was taken in last.
    pub invite: Option<ExchangeKey>,
    /// Of either party, the last INVITE that was answered with a 2xx, and its ACK.
    pub handshakes: [Option<Handshake>; 2],
    /// Ends the call unless its session is refreshed before (RFC 4028).
    pub session_timer: Option<TimerId>,
    /// The last BYE that was challenged.
    pub challenged: Option<ChallengedBye>,
}

/// A BYE whose sender was to show first who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChallengedBye {
    /// Its sender.
    pub by: Side,
    /// Its CSeq number.
    pub number: u32,
    /// When it came.
    pub at: Timestamp,
}

/// A 2xx to an INVITE and the ACK for it, for as long as either may come again.
#[derive(Debug)]
pub struct Handshake {
    /// Whose INVITE it was.
    pub from: Side,
    /// Its CSeq number, which the ACK shares.
    pub cseq: u32,
    /// The INVITE's transaction on its sender's side; none in a successor of the process that
    /// had it.
    pub server: Option<ServerId>,
    /// The INVITE's transaction on the other side; none likewise.
    pub client: Option<ClientId>,
    /// Whether the 2xx made an offer, which the ACK answers.
    pub offered: bool,
    /// The 2xx as it was sent on; empty once it is acknowledged.
    pub success: Vec<u8>,
    /// The ACK as it was sent on.
    pub ack: Option<(Flow, Vec<u8>)>,
    /// Tags of further callees that were sent away.
    pub dismissed: Vec<Box<[u8]>>,
    /// Fires where no ACK comes.
    pub timer: TimerId,
}

impl Dialog {
    /// One party.
    pub fn party(&self, side: Side) -> &Party {
        &self.parties[side as usize]
    }

    /// One party, to be changed.
    pub fn party_mut(&mut self, side: Side) -> &mut Party {
        &mut self.parties[side as usize]
    }

    /// The challenged BYE of a party that has said nothing since: to itself the call is over
    /// (RFC 3261 §15.1.1).
    pub fn left(&self) -> Option<ChallengedBye> {
        self.challenged
            .filter(|bye| self.party(bye.by).cseq == bye.number)
    }

    /// A dialog between parties that both have their tags.
    pub fn new(parties: [Party; 2], call: Option<CallKey>) -> Self {
        Self {
            parties,
            call,
            direct: false,
            session: None,
            agreed: false,
            subscription: None,
            inviting: None,
            invite: None,
            handshakes: [None, None],
            session_timer: None,
            challenged: None,
        }
    }

    /// The handshake of an INVITE that a party sent.
    pub fn handshake_mut(&mut self, from: Side) -> Option<&mut Handshake> {
        self.handshakes[from as usize].as_mut()
    }

    /// The handshake of an INVITE that was sent on in this transaction.
    pub fn handshake_in(&mut self, client: ClientId) -> Option<&mut Handshake> {
        let mut all = self.handshakes.iter_mut().flatten();
        all.find(|handshake| handshake.client == Some(client))
    }

    /// Whether nothing keeps it.
    pub fn is_over(&self) -> bool {
        self.call.is_none() && self.subscription.is_none()
    }
}

/// All dialogs.
#[derive(Debug)]
pub struct Dialogs {
    key: Key,
    table: SlotMap<DialogKey, Dialog>,
    /// By what its messages say; the side is the one they come from.
    names: Map<u128, (DialogKey, Side)>,
    /// Dialogs that have changed; several times where they have more than once.
    changed: Vec<DialogKey>,
}

impl Dialogs {
    /// No dialogs.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            key: Key::new(seed, Purpose::Dialogs),
            table: SlotMap::with_key(),
            names: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            changed: Vec::new(),
        }
    }

    /// Adds a dialog; both parties have their tags.
    pub fn insert(&mut self, dialog: Dialog) -> DialogKey {
        let names = [Side::Caller, Side::Callee].map(|from| (self.name_from(&dialog, from), from));
        let key = self.table.insert(dialog);
        for (name, from) in names {
            self.names.insert(name, (key, from));
        }
        key
    }

    /// Takes a dialog out.
    pub fn remove(&mut self, key: DialogKey) -> Option<Dialog> {
        let dialog = self.table.remove(key)?;
        for from in [Side::Caller, Side::Callee] {
            let name = self.name_from(&dialog, from);
            if self
                .names
                .get(&name)
                .is_some_and(|(named, _)| *named == key)
            {
                self.names.remove(&name);
            }
        }
        Some(dialog)
    }

    /// The dialog that a message from `realm` belongs to, and the side it came from.
    pub fn find(
        &self,
        realm: RealmIndex,
        call_id: &[u8],
        from_tag: &[u8],
        to_tag: &[u8],
    ) -> Option<(DialogKey, Side)> {
        self.names
            .get(&self.name(realm, call_id, from_tag, to_tag))
            .copied()
    }

    /// The Call-ID of a dialog on its other side.
    pub fn far_call_id(
        &self,
        realm: RealmIndex,
        call_id: &[u8],
        from_tag: &[u8],
        to_tag: &[u8],
    ) -> Option<&[u8]> {
        let (key, from) = self.find(realm, call_id, from_tag, to_tag)?;
        Some(&self.get(key)?.party(from.other()).call_id)
    }

    /// A dialog.
    pub fn get(&self, key: DialogKey) -> Option<&Dialog> {
        self.table.get(key)
    }

    /// A dialog, to be changed; its names stay.
    pub fn get_mut(&mut self, key: DialogKey) -> Option<&mut Dialog> {
        self.changed.push(key);
        self.table.get_mut(key)
    }

    /// Dialogs that have changed since the last time.
    pub fn changes(&mut self) -> Vec<DialogKey> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// How many changes wait to be asked for.
    pub fn unasked(&self) -> usize {
        self.changed.len()
    }

    /// Forgets which dialogs have changed.
    pub fn forget_changes(&mut self) {
        self.changed.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    fn name_from(&self, dialog: &Dialog, from: Side) -> u128 {
        let (party, other) = (dialog.party(from), dialog.party(from.other()));
        self.name(party.flow.realm, &party.call_id, &party.tag, &other.tag)
    }

    fn name(&self, realm: RealmIndex, call_id: &[u8], from_tag: &[u8], to_tag: &[u8]) -> u128 {
        self.key
            .hash(&[&realm.0.to_le_bytes(), call_id, from_tag, to_tag])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::io::{ListenerIndex, Transport};

    fn party(realm: u16, call_id: &[u8], tag: &[u8]) -> Party {
        let flow = Flow {
            realm: RealmIndex(realm),
            listener: ListenerIndex(0),
            transport: Transport::Udp,
            remote: ([192, 0, 2, 1], 5060).into(),
            connection: None,
        };
        let none: Box<[u8]> = Box::default();
        Party {
            flow,
            call_id: call_id.into(),
            uri: none.clone(),
            peer_uri: none.clone(),
            tag: tag.into(),
            target: none.clone(),
            route_set: none,
            contact: None,
            cseq: 0,
        }
    }

    fn dialog(parties: [Party; 2]) -> Dialog {
        Dialog::new(parties, None)
    }

    #[test]
    fn a_call_that_comes_back_through_us_is_two_dialogs() {
        let (access, core) = (RealmIndex(0), RealmIndex(1));
        let mut dialogs = Dialogs::new(&[1; 32]);
        let out = dialogs.insert(dialog([party(0, b"a@1", b"A"), party(1, b"h", b"B")]));
        let back = dialogs.insert(dialog([party(1, b"h", b"A"), party(0, b"h", b"B")]));
        assert_eq!(
            dialogs.find(access, b"a@1", b"A", b"B"),
            Some((out, Side::Caller))
        );
        assert_eq!(
            dialogs.find(core, b"h", b"B", b"A"),
            Some((out, Side::Callee))
        );
        assert_eq!(
            dialogs.find(core, b"h", b"A", b"B"),
            Some((back, Side::Caller))
        );
        assert_eq!(
            dialogs.find(access, b"h", b"B", b"A"),
            Some((back, Side::Callee))
        );
        assert_eq!(
            dialogs.far_call_id(core, b"h", b"B", b"A"),
            Some(&b"a@1"[..])
        );
        assert_eq!(dialogs.find(access, b"h", b"A", b"B"), None);
        dialogs.remove(out);
        assert_eq!(dialogs.find(access, b"a@1", b"A", b"B"), None);
        assert_eq!(
            dialogs.find(core, b"h", b"A", b"B"),
            Some((back, Side::Caller))
        );
        dialogs.remove(back);
        assert_eq!((dialogs.len(), dialogs.names.len()), (0, 0));
    }
}
