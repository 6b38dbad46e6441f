//! Realms that are SIP servers: their domains, and whether their steering can be done.

use super::{Judge as Findings, realm};
use crate::{
    Config, Serve, Towards,
    path::Path,
    serve::{Judge, MediaPath},
};

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    for (index, settings) in config.realms.iter().enumerate() {
        let here = realm(index).key("serve");
        if let Some(serve) = &settings.serve {
            domains(serve, &here, findings);
            digest(serve, &here, findings);
            steering(serve, &here, findings);
            towards(config, serve, &here, findings);
        }
    }
}

fn domains(serve: &Serve, here: &Path, findings: &mut Findings<'_>) {
    for (index, domain) in serve.domains.iter().enumerate() {
        let same = |other: &crate::Domain| other.as_str().eq_ignore_ascii_case(domain.as_str());
        if let Some(first) = serve.domains[..index].iter().position(same) {
            let at = |index| here.key("domains").index(index);
            let message = format!("`{domain}` stands here twice");
            findings.error(&[&at(index), &at(first)], message, "each domain once");
        }
    }
}

fn digest(serve: &Serve, here: &Path, findings: &mut Findings<'_>) {
    if let [first, second] = serve.digest[..]
        && first == second
    {
        let at = |index| here.key("digest").index(index);
        let message = "the algorithm stands here twice".to_owned();
        findings.error(&[&at(1), &at(0)], message, "each algorithm once");
    }
}

/// Who leaves the judgement to the terminal must leave it the description.
fn steering(serve: &Serve, here: &Path, findings: &mut Findings<'_>) {
    let allowed = "`judge: terminal` with `media: direct`, `arrival` or `offer` with either";
    let base = serve.steering;
    let fits = |judge, media| judge != Judge::Terminal || media == MediaPath::Direct;
    let message = "a callee cannot judge a description that names our own addresses";
    if !fits(base.judge, base.media) {
        let path = here.key("steering").key("judge");
        findings.error(&[&path], message.to_owned(), allowed);
    }
    for (index, other) in serve.towards.iter().enumerate() {
        let (judge, media) = (other.judge, other.media);
        let changed = judge.is_some() || media.is_some();
        if changed && !fits(judge.unwrap_or(base.judge), media.unwrap_or(base.media)) {
            let at = here.key("towards").index(index);
            let path = at.key(if judge.is_some() { "judge" } else { "media" });
            findings.error(&[&path], message.to_owned(), allowed);
        }
    }
}

fn towards(config: &Config, serve: &Serve, here: &Path, findings: &mut Findings<'_>) {
    let realms: Vec<&str> = config.realms.iter().map(|r| r.name.as_str()).collect();
    for (index, other) in serve.towards.iter().enumerate() {
        let at = here.key("towards").index(index);
        if let Some(name) = &other.realm {
            super::names::unknown(findings, &at.key("realm"), "realm", name.as_str(), &realms);
        }
        let Towards { realm, domain, .. } = other;
        if realm.is_none() && domain.is_none() {
            let message = "it says of no realm and no domain".to_owned();
            findings.error(&[&at], message, "`realm`, `domain` or both");
        }
    }
}
