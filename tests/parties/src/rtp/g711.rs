//! The two companding laws of ITU-T G.711.

/// Which law.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Law {
    /// µ-law, static payload type 0.
    Mu,
    /// A-law, static payload type 8.
    A,
}

impl Law {
    /// The static payload type (RFC 3551 §6).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The law a payload type names.
    pub fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Mu),
            8 => Some(Self::A),
            _ => None,
        }
    }

    /// Sixteen-bit linear sample to one byte.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_mu(sample),
            Self::A => encode_a(sample),
        }
    }

    /// One byte to a sixteen-bit linear sample.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Mu => decode_mu(byte),
            Self::A => decode_a(byte),
        }
    }
}

/// Added before the logarithm so that every segment starts at a power of two.
const MU_BIAS: i32 = 0x84;
const MU_CLIP: i32 = 32_635;

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    let exponent = magnitude.ilog2() - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}

fn decode_mu(byte: u8) -> i16 {
    let byte = !byte;
    let (exponent, mantissa) = ((byte >> 4) & 0x07, i32::from(byte & 0x0f));
    let magnitude = (((mantissa << 3) + MU_BIAS) << exponent) - MU_BIAS;
    signed(magnitude, byte & 0x80 != 0)
}

fn encode_a(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative {
        !i32::from(sample)
    } else {
        i32::from(sample)
    } >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let exponent = magnitude.ilog2() - 3;
        (exponent as i32) << 4 | (magnitude >> (exponent - 1)) & 0x0f
    };
    // Even bits are inverted on the wire, and the sign bit is one for positive samples.
    (code as u8 | if negative { 0 } else { 0x80 }) ^ 0x55
}

fn decode_a(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 0x07, i32::from(byte & 0x0f));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    signed(magnitude, byte & 0x80 == 0)
}

fn signed(magnitude: i32, negative: bool) -> i16 {
    let value = if negative { -magnitude } else { magnitude };
    i16::try_from(value).expect("both laws cover less than sixteen bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_encoding() {
        for byte in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte);
            // µ-law has two zeros; the negative one encodes as the positive one.
            let back = Law::Mu.encode(Law::Mu.decode(byte));
            assert_eq!(back, if byte == 0x7f { 0xff } else { byte });
        }
    }

    #[test]
    fn the_error_is_bounded_by_half_the_coarsest_step() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            for law in [Law::A, Law::Mu] {
                let error = i32::from(law.decode(law.encode(sample))) - i32::from(sample);
                assert!(error.abs() <= 644, "{law:?} {sample} {error}");
            }
        }
    }

    #[test]
    fn silence_and_extremes_are_the_known_codes() {
        assert_eq!((Law::A.encode(0), Law::Mu.encode(0)), (0xd5, 0xff));
        assert_eq!(
            (Law::A.encode(i16::MAX), Law::Mu.encode(i16::MAX)),
            (0xaa, 0x80)
        );
        assert_eq!(
            (Law::A.encode(i16::MIN), Law::Mu.encode(i16::MIN)),
            (0x2a, 0x00)
        );
    }
}
