//! Whether a file of the right shape makes sense: names, addresses, ranges, times.

mod addresses;
mod gateway_control;
mod media;
mod names;
pub(crate) mod nics;
mod process;
mod serve;
mod times;

use crate::{Config, path::Path, report::Finding, yaml::Node};

/// Everything in `config` that makes no sense, or probably not the one that was meant.
///
/// `left_out` are keys of `tree` that `config` does not have because they are wrong by
/// themselves: what would be judged on their defaults is not judged.
pub(crate) fn check(config: &Config, tree: &Node, left_out: &[Path]) -> Vec<Finding> {
    let mut judge = Judge {
        tree,
        left_out,
        findings: Vec::new(),
    };
    names::check(config, &mut judge);
    addresses::check(config, &mut judge);
    media::check(config, &mut judge);
    times::check(config, &mut judge);
    nics::check(config, &mut judge);
    process::check(config, &mut judge);
    serve::check(config, &mut judge);
    gateway_control::check(config, &mut judge);
    judge.findings
}

/// Collects what the rules find.
struct Judge<'a> {
    tree: &'a Node,
    left_out: &'a [Path],
    findings: Vec<Finding>,
}

impl Judge<'_> {
    /// A mistake at the first of `about`; the others are what it conflicts with.
    fn error(&mut self, about: &[&Path], message: String, allowed: &str) {
        self.suggesting(about, message, allowed, None);
    }

    /// A mistake with what was probably meant.
    fn suggesting(
        &mut self,
        about: &[&Path],
        message: String,
        allowed: &str,
        suggestion: Option<String>,
    ) {
        let beside = |path: &Path| {
            self.left_out
                .iter()
                .any(|out| out.parent() == path.parent())
        };
        if about.iter().any(|path| beside(path)) {
            return;
        }
        let finding = Finding::error(self.tree.locate(about[0]), about[0], message);
        self.findings
            .push(finding.allowed(allowed).suggestion(suggestion));
    }

    /// Something worth a second look; only said of a file without mistakes of shape.
    fn warning(&mut self, path: &Path, message: String, allowed: &str) {
        if self.left_out.is_empty() {
            let finding = Finding::warning(self.tree.locate(path), path, message);
            self.findings.push(finding.allowed(allowed));
        }
    }
}

fn realm(index: usize) -> Path {
    Path::root().key("realms").index(index)
}

fn controller(index: usize) -> Path {
    Path::root().key("controllers").index(index)
}

fn softswitch(index: usize) -> Path {
    Path::root().key("softswitches").index(index)
}
