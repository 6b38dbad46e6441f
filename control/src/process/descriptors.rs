//! How many descriptors the process may have: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strait_config::Config;

use super::limits::OTHER_DESCRIPTORS;

/// Raises our own limit as far as it goes, and says so when that is not far enough.
pub(super) fn raise_limit(config: &Config) {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    // Refused only where a sandbox forbids it; then the old limit is what there is.
    let _ = setrlimit(Resource::Nofile, raised);
    let have = getrlimit(Resource::Nofile).current;
    let connections = u64::from(config.limits.tcp_connections);
    let want = connections + crate::resolve::limits::MAX_DESCRIPTORS + OTHER_DESCRIPTORS;
    if have.is_some_and(|have| have < want) {
        tracing::warn!(
            "only {} descriptors may be open, {want} are needed for `limits.tcp_connections`: \
             raise the limit (ulimit -n, LimitNOFILE=) or lower the other",
            have.unwrap_or_default()
        );
    }
}
