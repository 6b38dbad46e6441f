//! Durations lie where their keys make sense.

use std::time::Duration;

use super::{Judge, controller, realm, softswitch};
use crate::{Config, KeepAliveMethod, Realm, path::Path, scalar::duration::print};

const MS: u64 = 1;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    let mut bounds = Bounds { judge };
    bounds.between(
        &Path::root().key("drain_timeout"),
        config.drain_timeout,
        0,
        DAY,
    );
    let dns = Path::root().key("dns").key("timeout");
    bounds.between(&dns, config.dns.timeout, 100 * MS, 6 * SECOND);
    for (index, settings) in config.realms.iter().enumerate() {
        let path = realm(index);
        if let Some(serve) = &settings.serve {
            let lifetime = path.key("serve").key("nonce_lifetime");
            bounds.between(&lifetime, serve.nonce_lifetime, SECOND, DAY);
        }
        let asked = settings.gateway_control.as_ref().and_then(|c| c.keepalive);
        if let Some(interval) = asked {
            let keepalive = path.key("gateway_control").key("keepalive");
            bounds.between(&keepalive, interval, SECOND, 30 * MINUTE);
        }
        bounds.between(
            &path.key("port_quarantine"),
            settings.port_quarantine,
            0,
            5 * MINUTE,
        );
        bounds.or_never(
            &path.key("media_timeout"),
            settings.media_timeout,
            5 * SECOND,
            DAY,
        );
        let interval = settings.keepalive.interval;
        bounds.between(
            &path.key("keepalive").key("interval"),
            interval,
            SECOND,
            30 * MINUTE,
        );
        let registration = path.key("registration");
        let expiries = &settings.registration;
        bounds.expiry(&registration.key("minimum_expiry"), expiries.minimum_expiry);
        bounds.expiry(&registration.key("maximum_expiry"), expiries.maximum_expiry);
        in_order(&registration, settings, bounds.judge);
        bindings(&path, settings, bounds.judge);
    }
    for (index, settings) in config.controllers.iter().enumerate() {
        let path = controller(index);
        let failover = settings.failover_after;
        bounds.between(&path.key("failover_after"), failover, SECOND, MINUTE);
        bounds.between(&path.key("retry_after"), settings.retry_after, SECOND, DAY);
    }
    for (index, settings) in config.softswitches.iter().enumerate() {
        let path = softswitch(index);
        if let Some(probe) = settings.probe {
            bounds.between(&path.key("probe"), probe, SECOND, DAY);
        }
        let failover = settings.failover_after;
        bounds.between(&path.key("failover_after"), failover, 500 * MS, 32 * SECOND);
        bounds.between(&path.key("retry_after"), settings.retry_after, SECOND, DAY);
    }
}

struct Bounds<'a, 'b> {
    judge: &'a mut Judge<'b>,
}

impl Bounds<'_, '_> {
    fn between(&mut self, path: &Path, value: Duration, least_ms: u64, most_ms: u64) {
        let (least, most) = (
            Duration::from_millis(least_ms),
            Duration::from_millis(most_ms),
        );
        if !(least..=most).contains(&value) {
            let message = format!(
                "`{}` is too {}",
                print(value),
                if value < least { "short" } else { "long" }
            );
            let allowed = format!("a duration from {} to {}", print(least), print(most));
            self.judge.error(&[path], message, &allowed);
        }
    }

    fn or_never(&mut self, path: &Path, value: Duration, least_ms: u64, most_ms: u64) {
        if !value.is_zero() {
            self.between(path, value, least_ms, most_ms);
        }
    }

    /// Expires counts whole seconds (RFC 3261 §20.19).
    fn expiry(&mut self, path: &Path, value: Duration) {
        self.between(path, value, SECOND, 30 * DAY);
        if value.subsec_millis() != 0 {
            let message = format!("`{}` is no whole number of seconds", print(value));
            let suggestion = Some(format!("{}s", value.as_secs() + 1));
            self.judge
                .suggesting(&[path], message, "whole seconds", suggestion);
        }
    }
}

fn in_order(path: &Path, settings: &Realm, judge: &mut Judge<'_>) {
    let (least, most) = (
        settings.registration.minimum_expiry,
        settings.registration.maximum_expiry,
    );
    if least > most {
        let message = format!(
            "`{}` is above `maximum_expiry`, {}",
            print(least),
            print(most)
        );
        judge.error(
            &[&path.key("minimum_expiry")],
            message,
            &format!("at most {}", print(most)),
        );
    }
}

/// Parties behind NATs are kept reachable.
fn bindings(path: &Path, settings: &Realm, judge: &mut Judge<'_>) {
    let heard = !settings.signalling.is_empty();
    if heard && settings.nat && settings.keepalive.method == KeepAliveMethod::None {
        let message = "nothing keeps the NAT bindings of this realm's parties open";
        let allowed = "a `keepalive` with method `options`, `crlf` or `register`";
        judge.warning(&path.key("nat"), message.to_owned(), allowed);
    }
}
