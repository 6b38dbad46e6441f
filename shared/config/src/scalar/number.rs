//! Small numbers that name something.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::name::ScalarError;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident: $inner:ident, $range:expr, $error:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize,
        )]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name($inner);

        impl $name {
            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = ScalarError;

            fn try_from(number: u64) -> Result<$name, ScalarError> {
                let narrow = $inner::try_from(number).map_err(|_| ScalarError::$error)?;
                if $range.contains(&narrow) { Ok($name(narrow)) } else { Err(ScalarError::$error) }
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> u64 {
                number.0.into()
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
                json_schema!({
                    "type": "integer",
                    "minimum": $range.start(),
                    "maximum": $range.end(),
                })
            }
        }
    };
}

number!(
    /// A differentiated services code point, 0 to 63 (RFC 2474 §3); 46 is expedited forwarding.
    Dscp: u8, (0..=63), Dscp
);
number!(
    /// An IEEE 802.1Q VLAN, 1 to 4094.
    VlanId: u16, (1..=4094), Vlan
);

impl Dscp {
    /// Expedited forwarding, the code point for voice (RFC 3246).
    pub const EXPEDITED_FORWARDING: Dscp = Dscp(46);
}
