//! Names: of this instance, of realms, softswitches and NICs, and domain names.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The longest name, in bytes; it appears in file names, metrics and records.
pub(crate) const NAME_BYTES: usize = 32;

/// The longest domain name, in bytes (RFC 1035 §2.3.4).
pub(crate) const DOMAIN_BYTES: usize = 253;

/// Why a word is not what its key takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScalarError {
    /// Not a duration.
    #[error("a whole number and a unit: `500ms`, `25s`, `5m`, `1h`")]
    Duration,
    /// Not a name.
    #[error(
        "a name of 1 to {NAME_BYTES} letters, digits, `-`, `_` and `.`, first a letter or digit"
    )]
    Name,
    /// Not a domain name.
    #[error("a domain name such as `example.org`, not an address")]
    Domain,
    /// Not a port range.
    #[error("two port numbers from 1 to 65535 joined by `-`, the smaller first: `20000-29999`")]
    PortRange,
    /// Not a DSCP.
    #[error("a DSCP from 0 to 63")]
    Dscp,
    /// Not a VLAN.
    #[error("a VLAN from 1 to 4094")]
    Vlan,
}

fn check_name(text: &str) -> Result<(), ScalarError> {
    let first = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if first && rest && text.len() <= NAME_BYTES {
        Ok(())
    } else {
        Err(ScalarError::Name)
    }
}

fn check_domain(text: &str) -> Result<(), ScalarError> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // RFC 3261 §25.1: the top label begins with a letter, or it would read as an address.
    let top = text.rsplit('.').next().and_then(|top| top.bytes().next());
    let named = top.is_some_and(|first| first.is_ascii_alphabetic());
    if text.len() <= DOMAIN_BYTES && named && text.split('.').all(label) {
        Ok(())
    } else {
        Err(ScalarError::Domain)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:ident, $format:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ScalarError;

            fn try_from(text: String) -> Result<$name, ScalarError> {
                $check(&text).map(|()| $name(text))
            }
        }

        impl FromStr for $name {
            type Err = ScalarError;

            fn from_str(text: &str) -> Result<$name, ScalarError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "pattern": $pattern })
            }
        }
    };
}

name!(
    /// Names this running Strait: part of the names of its files and of its log lines.
    InstanceName, check_name, "strait-name",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
);
name!(
    /// Names a realm, i.e. one network on one side.
    RealmName, check_name, "strait-name",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
);
name!(
    /// Names a softswitch.
    SoftswitchName, check_name, "strait-name",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
);
name!(
    /// Names a controller of gateways.
    ControllerName, check_name, "strait-name",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
);
name!(
    /// Names a NIC of the dataplane.
    NicName, check_name, "strait-name",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
);
name!(
    /// A domain name, as it stands in SIP URIs (RFC 3261 §25.1 `hostname`); never an address.
    Domain, check_domain, "strait-domain",
    "^([A-Za-z0-9-]+\\.)*[A-Za-z][A-Za-z0-9-]*$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for text in ["a", "core-1", "Realm_7.west", &"x".repeat(NAME_BYTES)] {
            assert!(text.parse::<RealmName>().is_ok(), "{text:?}");
        }
        for text in [
            "",
            "-a",
            ".",
            "../x",
            "a b",
            "é",
            &"x".repeat(NAME_BYTES + 1),
        ] {
            assert_eq!(
                text.parse::<RealmName>(),
                Err(ScalarError::Name),
                "{text:?}"
            );
        }
    }

    #[test]
    fn domains_are_not_addresses() {
        for text in ["example.org", "localhost", "a-b.c0", "3gpp.org", "1.org"] {
            assert!(text.parse::<Domain>().is_ok(), "{text:?}");
        }
        let long = format!("{}.org", "a".repeat(64));
        for text in [
            "",
            "192.0.2.1",
            "::1",
            "a..b",
            "-a.org",
            "a-.org",
            "a_b",
            &long,
            "a.org.",
        ] {
            assert_eq!(text.parse::<Domain>(), Err(ScalarError::Domain), "{text:?}");
        }
    }
}
