//! Calls that are sent on to somebody else, and media that moves in mid-call.

use std::time::Duration;

use strait_parties::phone::{Answer, Answering, CallHandle, State};
use strait_shared::time::Instant;

use crate::drive::{Action, Deed, Driver, Talk, answering, standing_with};
use crate::people::Person;
use crate::stage::Stage;

/// How long after a move its old place is tried by somebody else: when the new one is latched.
const HAUNTED_AFTER: Duration = Duration::from_millis(4_500);

impl Driver {
    /// The callee may send the caller to a third user, or to another Contact of its own: who the
    /// talk is with then, and how that phone answers.
    pub(crate) fn plan_redirection(
        &mut self,
        stage: &mut Stage,
        talk: Talk,
        before: Answering,
    ) -> (Talk, Answering) {
        if !stage.plan.redirects || stage.turns.u8(..5) > 0 {
            return (talk, before);
        }
        let status = [300, 301, 302, 305][stage.turns.usize(..4)];
        let wait = Duration::from_millis(stage.turns.u64(50..1_200));
        let third = stage.turns.usize(..stage.phones.len());
        let users = [talk.caller, talk.callee, third].map(|phone| stage.plan.user(phone));
        let free = stage.is_on(third) && !users[..2].contains(&users[2]);
        let mut apart = stage.plan.twins(third).chain([third]);
        let apart = apart.all(|phone| {
            standing_with(stage, phone, talk.caller).is_none()
                && standing_with(stage, talk.caller, phone).is_none()
        });
        let deputy = (free && apart && stage.turns.bool()).then_some(third);
        let answer = Answer::Redirect(status, wait);
        let name = deputy.map(|third| stage.plan.user(third));
        let phones: Vec<usize> = stage.plan.twins(talk.callee).collect();
        // Before it rings: what an early dialog has under way when its caller is sent on would be
        // heard in the next one, and where several ring the softswitch keeps the 3xx to itself.
        let ring_after = wait * 2;
        for phone in phones {
            stage.use_phone(phone, |phone, _| {
                phone.set_deputy(name.as_deref());
                phone.set_answering(Answering {
                    ring_after,
                    answer,
                    ..before
                });
            });
        }
        let Some(third) = deputy else {
            // It answers by itself, a little later.
            let answer = Answer::After(wait * 2);
            return (talk, Answering { answer, ..before });
        };
        let own = Answering {
            answer: Answer::After(wait),
            ..answering(&mut stage.turns)
        };
        for phone in stage.plan.twins(third).collect::<Vec<_>>() {
            stage.use_phone(phone, |phone, _| phone.set_answering(own));
        }
        let talk = Talk {
            callee: third,
            ..talk
        };
        let answer = Answer::After(wait * 2);
        (talk, Answering { answer, ..own })
    }

    /// The media of either may move, once or twice. False where that is all that happens.
    pub(crate) fn plan_move(
        &mut self,
        stage: &mut Stage,
        now: Instant,
        talk: Talk,
        answering: Answering,
    ) -> bool {
        let Answer::After(wait) = answering.answer else {
            return true;
        };
        if !stage.plan.moves || stage.turns.u8(..6) > 0 {
            return true;
        }
        let ms = Duration::from_millis;
        let turns = &mut stage.turns;
        let mut at = now + wait + ms(turns.u64(300..1_500));
        let mut moves: u8 = turns.u8(1..=3);
        while moves > 0 {
            let deed = Deed::Move(turns.usize(..2));
            let act = match turns.bool() {
                true => Action::Caller,
                false => Action::Callee,
            };
            self.at(at, act(talk, deed));
            self.at(at + HAUNTED_AFTER, act(talk, Deed::Haunt));
            at += ms(turns.u64(5_000..8_000));
            moves -= 1;
        }
        self.at(at, Action::Caller(talk, Deed::HangUp));
        false
    }

    /// A phone's media moves, or somebody is where it was.
    pub(crate) fn turn(&mut self, stage: &mut Stage, who: usize, call: CallHandle, deed: Deed) {
        match deed {
            Deed::Move(address) => {
                let to = stage.phones[who].addresses[address];
                stage.use_phone(who, |phone, now| phone.move_media(now, call, to));
                self.tale.moved += 1;
            }
            _ => {
                let host = stage.phones[who].host;
                let established = |state| state == State::Established;
                let stands = stage.phone(who).call_at(call).map(|call| call.state());
                if stands.is_some_and(established) {
                    stage.world.act(host, |person, now| {
                        if let Person::Phone(phone) = person {
                            phone.haunt(now, call);
                        }
                    });
                }
            }
        }
    }
}
