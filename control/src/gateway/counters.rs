//! What the gateway counts, for metrics and the operator.

/// How often each thing happened since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Counters {
    /// Requests received, retransmissions included.
    pub requests: u64,
    /// Responses received, retransmissions included.
    pub responses: u64,
    /// Messages sent by the gateway itself; retransmissions are the transaction layer's.
    pub sent: u64,
    /// Malformed requests answered.
    pub malformed_answered: u64,
    /// Malformed messages dropped: responses, ACKs, and what no response can be addressed to.
    pub malformed_dropped: u64,
    /// Responses that answer nothing we asked.
    pub stray_responses: u64,
    /// ACKs that belong to no call.
    pub stray_acks: u64,
    /// Requests refused because they had passed here before.
    pub loops: u64,
    /// Requests refused because a copy of them was under way.
    pub merged: u64,
    /// Requests that named a dialog but came from neither of its parties.
    pub strangers: u64,
    /// Calls begun.
    pub calls: u64,
    /// Calls answered.
    pub answered: u64,
    /// New calls refused for the limit on calls.
    pub calls_over_limit: u64,
    /// New calls refused for the limit on calls a second.
    pub calls_over_rate: u64,
    /// Calls refused because no media port was left.
    pub media_exhausted: u64,
    /// Calls refused because the dataplane was behind.
    pub media_backlog: u64,
    /// Calls ended because their media was silent.
    pub media_dead: u64,
    /// Calls ended because their session was not refreshed.
    pub sessions_expired: u64,
    /// Requests sent to a further softswitch because one did not answer.
    pub failovers: u64,
    /// Requests refused because no softswitch was up.
    pub no_softswitch: u64,
    /// Registrations stored or refreshed by the registrar.
    pub registered: u64,
    /// Registration refreshes answered here.
    pub absorbed: u64,
    /// Registrations refused because their source registers too often.
    pub registrations_over_rate: u64,
    /// Requests answered with a challenge.
    pub challenged: u64,
    /// Requests whose credentials were wrong, malformed or another user's.
    pub denied: u64,
    /// Questions put to the DNS.
    pub lookups: u64,
    /// Calls answered with a redirection to the other IP version.
    pub redirected: u64,
    /// Calls refused because redirections went in a circle.
    pub circles: u64,
    /// Registrations refused for the limit.
    pub registrations_over_limit: u64,
    /// Keep-alives sent.
    pub keepalives: u64,
    /// Requests refused because too many were under way.
    pub overload: u64,
}
