//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! A [`Sum`] is a one's complement sum that has not been folded yet. Adding the complement of a
//! sum takes it away again, which is all that equation 3 of RFC 1624 says. Sixteen-bit words are
//! taken in network order; an IPv4-mapped IPv6 address sums to the same as the IPv4 address,
//! because its `ffff` is the other zero of one's complement.

/// A zero of one's complement above every sum that occurs: one of 2¹⁶ words stays below 2⁴⁸.
const ZERO: u64 = 0xffff << 32;

/// A running one's complement sum of 16-bit words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// The sum over `bytes`, an odd last byte padded with zero (RFC 1071 §4.1).
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        let mut total = 0u64;
        let mut chunks = bytes.chunks_exact(4);
        for chunk in &mut chunks {
            total += u64::from(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
        }
        let mut rest = [0u8; 4];
        let tail = chunks.remainder();
        rest[..tail.len()].copy_from_slice(tail);
        Self(total + u64::from(u32::from_be_bytes(rest)))
    }

    /// Adds one 16-bit word.
    #[inline]
    #[must_use]
    pub fn word(self, word: u16) -> Self {
        Self(self.0 + u64::from(word))
    }

    /// Adds the two 16-bit words of a 32-bit number.
    #[inline]
    #[must_use]
    pub fn double_word(self, words: u32) -> Self {
        Self(self.0 + u64::from(words))
    }

    /// Adds the four 16-bit words of a 64-bit number.
    #[inline]
    #[must_use]
    pub fn quad_word(self, words: u64) -> Self {
        Self(self.0 + (words >> 32) + (words & 0xffff_ffff))
    }

    /// Adds another sum.
    #[inline]
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Takes another sum away, by adding its complement: the distance to a multiple of `ffff`,
    /// which is a zero of one's complement.
    #[inline]
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        debug_assert!(other.0 < ZERO, "sums are of a few thousand words");
        Self(self.0 + (ZERO - other.0))
    }

    /// The sum folded to 16 bits.
    #[inline]
    pub fn fold(self) -> u16 {
        // Adding the halves crosswise leaves their sum, end-around carry included, on top.
        let folded = (self.0.wrapping_add(self.0.rotate_left(32)) >> 32) as u32;
        (folded.wrapping_add(folded.rotate_left(16)) >> 16) as u16
    }

    /// The checksum field that covers this sum.
    #[inline]
    pub fn checksum(self) -> u16 {
        !self.fold()
    }

    /// The checksum field of a UDP header: zero means "none", so it is sent as `ffff` (RFC 768).
    #[inline]
    pub fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }
}

/// The checksum after the words that summed to `old` were replaced by words that sum to `new`
/// (RFC 1624 §3, equation 3).
#[inline]
pub fn updated(checksum: u16, old: Sum, new: Sum) -> Sum {
    Sum::default().word(!checksum).minus(old).plus(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1624 §4: the example on which equation 2 of RFC 1141 fails.
    #[test]
    fn the_example_of_rfc_1624() {
        let sum = updated(
            0xdd2f,
            Sum::default().word(0x5555),
            Sum::default().word(0x3285),
        );
        assert_eq!(sum.checksum(), 0x0000);
    }

    /// RFC 1071 §3: the numerical example.
    #[test]
    fn the_example_of_rfc_1071() {
        let sum = Sum::of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.fold(), 0xddf2);
    }

    #[test]
    fn a_mapped_address_sums_like_the_plain_one() {
        let plain = Sum::of(&[192, 0, 2, 1]);
        let mapped = std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
        let [high, low] = strait_shared::net::PackedIp::from_v6(mapped.octets()).0;
        assert_eq!(
            Sum::default().quad_word(high).quad_word(low).fold(),
            plain.fold()
        );
    }

    /// The obvious sum, word by word with end-around carry.
    fn oracle(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    proptest! {
        #[test]
        fn sums_agree_with_the_oracle(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            prop_assert_eq!(Sum::of(&bytes).fold(), oracle(&bytes));
        }

        #[test]
        fn an_update_equals_a_recomputation(
            mut bytes in proptest::collection::vec(any::<u8>(), 8..256),
            new in any::<[u8; 4]>(),
            word in 0usize..2,
        ) {
            let before = Sum::of(&bytes).checksum();
            let at = word * 4;
            let old = Sum::of(&bytes[at..at + 4]);
            bytes[at..at + 4].copy_from_slice(&new);
            let after = updated(before, old, Sum::of(&new)).checksum();
            let recomputed = Sum::of(&bytes).checksum();
            // The two zeros of one's complement are the same number.
            prop_assert_eq!(after % 0xffff, recomputed % 0xffff);
        }
    }
}
