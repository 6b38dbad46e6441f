//! What people do with their phones, and when things go wrong: a schedule drawn from the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use strait_parties::phone::{Answer, Answering, CallHandle, EndReason, Event, Hold, Offer, State};
use strait_shared::time::Instant;

use crate::checks::Direction;
use crate::faults::Blow;
use crate::stage::Stage;

/// Calls one phone has at once.
const CALLS_AT_ONCE: usize = 2;
/// How often the checkers look at who hears whom.
pub const LOOK: Duration = Duration::from_millis(250);
/// How long an ended call is kept: late packets are still for it.
const KEPT: Duration = Duration::from_secs(5);

/// What is to happen.
#[derive(Clone, Debug)]
pub enum Action {
    /// Somebody calls somebody.
    Call,
    /// The caller of a call does something.
    Caller(Talk, Deed),
    /// Its callee does something.
    Callee(Talk, Deed),
    /// Something goes wrong.
    Blow(Blow),
    /// Somebody texts, asks or watches somebody.
    Aside,
    /// A customer of the hostile softswitch calls it.
    Deal,
    /// That customer's call is over.
    DealOver(usize, CallHandle),
    /// The checkers look at who hears whom.
    Look,
}

/// A call between two phones, by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Talk {
    /// Who called.
    pub caller: usize,
    /// Who was called.
    pub callee: usize,
    /// The caller's handle.
    pub handle: CallHandle,
}

/// What a party of a call does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Hangs up, whatever that takes.
    HangUp,
    /// Puts the other on hold.
    Hold(Hold),
    /// Takes the other off hold.
    Resume,
    /// Transfers the other to a third phone.
    Transfer(usize),
    /// Tells the other something that is no media.
    Tell,
    /// Offers again before the answer.
    Update,
    /// Moves its media to one of its addresses.
    Move(usize),
    /// Somebody else sends media from where its own was.
    Haunt,
}

/// What happened, for the figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tale {
    /// Calls placed.
    pub placed: u64,
    /// Sides of calls that agreed with the other side.
    pub established: u64,
    /// Calls refused, on either side.
    pub refused: u64,
    /// Later offers agreed on.
    pub renegotiated: u64,
    /// Transfers that got through.
    pub transferred: u64,
    /// Texts, INFOs and notifications that arrived.
    pub told: u64,
    /// What was asked or said beside calls and got a final answer.
    pub answered: u64,
    /// Session timers agreed on, or agreed on again.
    pub refreshed: u64,
    /// Calls that controllers of gateways connected.
    pub connected: u64,
    /// Gateways that heard the other party of such a call.
    pub heard_by_gateways: u64,
    /// Gateways that came to a controller from another one, or back.
    pub taken_over: u64,
    /// Calls that were sent on, each time.
    pub sent_on: u64,
    /// Media that moved.
    pub moved: u64,
}

/// Drives the people of a stage.
#[derive(Default)]
pub struct Driver {
    schedule: BTreeMap<(Instant, u64), Action>,
    scheduled: u64,
    ended: BTreeMap<(usize, CallHandle), Instant>,
    pub(crate) said: u64,
    /// What happened.
    pub tale: Tale,
}

impl Driver {
    /// Puts something on the schedule.
    pub fn at(&mut self, at: Instant, action: Action) {
        self.scheduled += 1;
        self.schedule.insert((at, self.scheduled), action);
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        self.schedule.first_key_value().map(|((at, _), _)| *at)
    }

    /// Does what is due at `now`.
    pub fn act(&mut self, stage: &mut Stage, now: Instant) {
        while let Some(entry) = self.schedule.first_entry().filter(|e| e.key().0 <= now) {
            match entry.remove() {
                Action::Call => self.place(stage, now),
                Action::Caller(talk, deed) => {
                    self.perform(stage, now, talk.caller, talk.callee, deed);
                }
                Action::Callee(talk, deed) => {
                    self.perform(stage, now, talk.callee, talk.caller, deed);
                }
                Action::Blow(blow) => self.strike(stage, now, blow),
                Action::Aside => self.aside(stage),
                Action::Deal => self.deal(stage, now),
                Action::DealOver(customer, call) => stage.end_deal(customer, call),
                Action::Look => self.look(stage, now),
            }
        }
    }

    /// Forgets whatever is still planned but the looks.
    pub fn drop_plans(&mut self) {
        self.schedule
            .retain(|_, action| matches!(action, Action::Look));
    }

    /// Hangs up every call there is.
    pub fn hang_up_all(&mut self, stage: &mut Stage) {
        for number in 0..stage.phones.len() {
            for handle in standing(stage, number) {
                stage.use_phone(number, |phone, now| phone.hang_up(now, handle));
            }
        }
        stage.end_all_deals();
    }

    /// Two phones that have nothing to do with each other yet, one of which may call the other.
    fn place(&mut self, stage: &mut Stage, now: Instant) {
        let phones = stage.phones.len();
        let pair = (0..10).find_map(|_| {
            let (caller, callee) = (stage.random.usize(..phones), stage.random.usize(..phones));
            let free = |number| {
                let talking = standing(stage, number).len();
                stage.is_on(number)
                    && talking < CALLS_AT_ONCE
                    && stage.phone(number).registered_until().is_some()
            };
            let know_each_other = |one: usize, other: usize| {
                let mut phones = stage.plan.twins(one);
                phones.any(|phone| standing_with(stage, phone, other).is_some())
            };
            let strangers = stage.plan.user(caller) != stage.plan.user(callee)
                && !know_each_other(caller, callee)
                && !know_each_other(callee, caller);
            (strangers && free(caller) && free(callee)).then_some((caller, callee))
        });
        let Some((caller, callee)) = pair else {
            self.at(now + LOOK, Action::Call);
            return;
        };
        let answering = answering(&mut stage.random);
        stage.use_phone(callee, |phone, _| phone.set_answering(answering));
        for twin in stage.plan.twins(callee).skip(1) {
            let own = self::answering(&mut stage.random);
            stage.use_phone(twin, |phone, _| phone.set_answering(own));
        }
        let offer = match stage.random.u8(..4) {
            0 => Offer::Late,
            _ => Offer::Early,
        };
        let to = stage.plan.user(callee);
        let handle = stage.use_phone(caller, |phone, now| phone.call(now, &to, offer));
        self.tale.placed += 1;
        let talk = Talk {
            caller,
            callee,
            handle,
        };
        let (talk, answering) = self.plan_redirection(stage, talk, answering);
        if self.plan_asides(stage, now, talk, answering)
            && self.plan_move(stage, now, talk, answering)
        {
            self.plan_call(stage, now, talk, answering);
        }
    }

    /// Decides how a call goes on.
    fn plan_call(&mut self, stage: &mut Stage, now: Instant, talk: Talk, answering: Answering) {
        let random = &mut stage.random;
        let ms = Duration::from_millis;
        let answered = match answering.answer {
            Answer::After(wait) => wait,
            Answer::Reject(..) | Answer::Redirect(..) | Answer::Never => {
                // Gives up, perhaps at the very moment of the rejection.
                let patience = ms(random.u64(100..3_000));
                self.at(now + patience, Action::Caller(talk, Deed::HangUp));
                return;
            }
        };
        let talks = match random.u8(..20) {
            // Hangs up around the answer.
            0 => ms(random.u64(..200)),
            1 => ms(random.u64(15_000..40_000)),
            _ => ms(random.u64(500..3_000)),
        };
        let end = now + answered + talks;
        match random.u8(..5) {
            0 => {
                self.at(end, Action::Caller(talk, Deed::HangUp));
                self.at(end, Action::Callee(talk, Deed::HangUp));
            }
            1 | 2 => self.at(end, Action::Callee(talk, Deed::HangUp)),
            _ => self.at(end, Action::Caller(talk, Deed::HangUp)),
        }
        let middle = now + answered + ms(random.u64(200..1_200));
        let later = middle + ms(random.u64(50..1_500));
        let hold = [Hold::SendOnly, Hold::Inactive, Hold::ZeroAddress][random.usize(..3)];
        match random.u8(..10) {
            0 | 1 => {
                self.at(middle, Action::Caller(talk, Deed::Hold(hold)));
                self.at(later, Action::Caller(talk, Deed::Resume));
            }
            2 => {
                self.at(middle, Action::Callee(talk, Deed::Hold(hold)));
                self.at(later, Action::Callee(talk, Deed::Resume));
            }
            3 => {
                // Glare.
                for deed in [Deed::Hold(hold), Deed::Resume] {
                    let at = if deed == Deed::Resume { later } else { middle };
                    self.at(at, Action::Caller(talk, deed));
                    self.at(at, Action::Callee(talk, deed));
                }
            }
            4 => {
                let third = random.usize(..stage.phones.len());
                let user = stage.plan.user(third);
                let others = [talk.caller, talk.callee].map(|phone| stage.plan.user(phone));
                if !others.contains(&user) {
                    self.at(middle, Action::Caller(talk, Deed::Transfer(third)));
                }
            }
            _ => {}
        }
    }

    /// One side of a call does something, as far as it still has that call.
    fn perform(&mut self, stage: &mut Stage, _: Instant, who: usize, other: usize, deed: Deed) {
        // Another phone of the same user may have taken the call.
        let call = |who| Some((who, standing_with(stage, who, other)?));
        let Some((who, handle)) = stage.plan.twins(who).find_map(call) else {
            return;
        };
        if let Deed::Move(_) | Deed::Haunt = deed {
            return self.turn(stage, who, handle, deed);
        }
        // Who was sent on is known to the other one by the name that was called.
        let name = stage
            .phone(who)
            .call_at(handle)
            .and_then(|call| call.own_user());
        let name = name.unwrap_or_else(|| stage.plan.user(who));
        let text = self.new_text(stage, &name, Some(other), deed == Deed::Tell);
        let third = |number| stage.plan.user(number);
        let third = match deed {
            Deed::Transfer(number) => third(number),
            _ => String::new(),
        };
        stage.use_phone(who, |phone, now| match deed {
            Deed::HangUp => phone.hang_up(now, handle),
            Deed::Hold(hold) => phone.hold(now, handle, hold),
            Deed::Resume => phone.resume(now, handle),
            Deed::Transfer(_) => phone.transfer(now, handle, &third),
            Deed::Tell => phone.info(now, handle, &text),
            Deed::Update => phone.update_early(now, handle),
            Deed::Move(_) | Deed::Haunt => {}
        });
    }

    /// Who believes to talk to whom; what happened since; calls long over are let go.
    fn look(&mut self, stage: &mut Stage, now: Instant) {
        self.at(now + LOOK, Action::Look);
        let mut talking = Vec::new();
        for listener in 0..stage.phones.len() {
            for heard in talks(stage, listener) {
                // Both have to believe it, or one has been told less than the other.
                let others = stage
                    .plan
                    .twins(heard.user)
                    .filter(|phone| *phone != listener);
                let mut back = others.flat_map(|phone| talks(stage, phone));
                if let Some(back) = back.find(|back| back.is_with(&heard)) {
                    talking.push(Direction {
                        listener: stage.plan.user(listener),
                        speaker: stage.plan.user(heard.user),
                        began: heard.began,
                        moved: heard.moved.max(back.moved),
                    });
                }
            }
        }
        let bound = stage.hearing_bound();
        let standing = standing_since(stage);
        let mut checks = stage.checks.borrow_mut();
        checks.talking(now, talking, &standing, bound);
        drop(checks);
        for number in 0..stage.phones.len() {
            self.listen(stage, number);
            self.let_go(stage, now, number);
        }
        stage.look_after_deals(now);
    }

    /// What a phone has to say to whoever holds it.
    pub(crate) fn listen(&mut self, stage: &mut Stage, number: usize) {
        let (tale, checks) = (&mut self.tale, stage.checks.clone());
        let user = stage.plan.user(number);
        stage.use_phone(number, |phone, _| {
            while let Some(event) = phone.poll_event() {
                match event {
                    Event::Established(call) => {
                        tale.established += u64::from(phone.call_at(call).is_some());
                    }
                    Event::Ended { reason, .. } => {
                        let refused = matches!(reason, EndReason::Rejected(_));
                        tale.refused += u64::from(refused);
                    }
                    Event::Renegotiated(_) => tale.renegotiated += 1,
                    Event::Refreshed(_) => tale.refreshed += 1,
                    Event::SentOn { .. } => tale.sent_on += 1,
                    Event::Told { from, text } => {
                        tale.told += 1;
                        checks.borrow_mut().text_shown(&user, &from, &text);
                    }
                    Event::Answered { text, status, .. } => {
                        tale.answered += 1;
                        if status / 100 == 2 && !text.is_empty() {
                            checks.borrow_mut().texts.confirm(&text);
                        }
                    }
                    Event::Transfer { status, .. } if status / 100 == 2 => tale.transferred += 1,
                    _ => {}
                }
            }
        });
    }

    fn let_go(&mut self, stage: &mut Stage, now: Instant, number: usize) {
        let ended: Vec<CallHandle> = stage
            .phone(number)
            .calls()
            .filter(|call| call.state() == State::Ended)
            .map(|call| call.handle())
            .collect();
        for handle in ended {
            let since = *self.ended.entry((number, handle)).or_insert(now);
            if now.since(since) >= KEPT {
                self.ended.remove(&(number, handle));
                stage.use_phone(number, |phone, _| phone.forget(handle));
            }
        }
    }
}

/// The calls of a phone that are not over.
pub fn standing(stage: &Stage, number: usize) -> Vec<CallHandle> {
    let calls = stage.phone(number).calls();
    calls
        .filter(|call| call.state() != State::Ended)
        .map(|call| call.handle())
        .collect()
}

/// Every call that is not over, by its phone's user, and when it began.
fn standing_since(stage: &Stage) -> Vec<(String, Instant)> {
    let phones = 0..stage.phones.len();
    let calls = phones.flat_map(|number| {
        let calls = stage.phone(number).calls();
        let standing = calls.filter(|call| call.state() != State::Ended);
        standing.map(move |call| (stage.plan.user(number), call.began()))
    });
    calls.collect()
}

/// The call of a phone with another one that is not over.
pub(crate) fn standing_with(stage: &Stage, number: usize, other: usize) -> Option<CallHandle> {
    let other = stage.plan.user(other);
    let mut calls = stage.phone(number).calls();
    calls
        .find(|call| call.state() != State::Ended && call.remote_user() == other)
        .map(|call| call.handle())
}

/// A call in which a phone believes to talk, both ways.
struct Talking<'a> {
    /// The number of the user it is with.
    user: usize,
    /// Strait leaves it as it is: it names no host.
    call_id: &'a str,
    /// So are the tags: its own and the other one's.
    tags: [String; 2],
    began: Instant,
    /// When its media was moved last.
    moved: Option<Instant>,
}

impl Talking<'_> {
    /// Whether it is the other end. Two terminals of a user may have answered the same INVITE.
    fn is_with(&self, other: &Self) -> bool {
        let [own, remote] = &other.tags;
        self.call_id == other.call_id && self.tags[0] == *remote && self.tags[1] == *own
    }
}

fn talks(stage: &Stage, number: usize) -> Vec<Talking<'_>> {
    if !stage.is_on(number) {
        return Vec::new();
    }
    let calls = stage.phone(number).calls().filter(|call| {
        let stream = call.stream();
        let speaks = stream.remote().is_some_and(|to| !to.ip().is_unspecified());
        call.state() == State::Established
            && speaks
            && !stream.moves()
            // Where the answer has no way back, media stays as it was agreed on before.
            && !call.awaits_answer()
            && stream.direction() == strait_parties::sip::description::Direction::SendRecv
    });
    let talking = calls.filter_map(|call| {
        let user: usize = call.remote_user().strip_prefix('u')?.parse().ok()?;
        Some(Talking {
            user,
            call_id: call.call_id(),
            tags: call.tags()?,
            began: call.began(),
            moved: call.stream().left().map(|(_, since)| since),
        })
    });
    talking
        .filter(|talking| talking.user < stage.plan.users)
        .collect()
}

pub(crate) fn answering(random: &mut fastrand::Rng) -> Answering {
    let ms = Duration::from_millis;
    let wait = ms(random.u64(50..1_200));
    let answer = match random.u8(..12) {
        0 => Answer::Reject([486, 603, 480, 404][random.usize(..4)], wait),
        1 => Answer::Never,
        _ => Answer::After(wait),
    };
    Answering {
        ring_after: ms(random.u64(..400)),
        early_media: random.u8(..4) == 0,
        answer,
    }
}
