//! Percent escapes of URIs (RFC 3261 §19.1.2).

/// Appends `text` with its escapes undone; a percent sign without two hex digits stays.
pub fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = (*byte == b'%').then(|| Some((hex(*after.first()?)?, hex(*after.get(1)?)?)));
        match escaped.flatten() {
            Some((high, low)) => {
                out.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
}

/// Undoes the escapes of `text` in place, and of what is said of each of its bytes in `places`,
/// which has one entry more. False where there are none.
pub(crate) fn unescape_once(text: &mut Vec<u8>, places: &mut Vec<usize>) -> bool {
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        places[to] = places[from];
        let digit = |at: usize| text.get(at).and_then(|digit| hex(*digit));
        match (text[from], digit(from + 1), digit(from + 2)) {
            (b'%', Some(high), Some(low)) => {
                text[to] = high << 4 | low;
                from += 3;
            }
            (byte, ..) => {
                text[to] = byte;
                from += 1;
            }
        }
        to += 1;
    }
    places[to] = places[from];
    text.truncate(to);
    places.truncate(to + 1);
    from != to
}

/// Appends `text` escaped so that it can stand as a URI header's value.
pub fn escape_header(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        if is_plain(*byte) {
            out.push(*byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
        }
    }
}

/// `hnv-unreserved` and `unreserved` of the grammar.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(&byte)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_unescapes() {
        let plain = b"12@a;to-tag=1;from-tag=\xff \"x\"";
        let mut escaped = Vec::new();
        escape_header(plain, &mut escaped);
        assert_eq!(escaped, b"12%40a%3Bto-tag%3D1%3Bfrom-tag%3D%FF%20%22x%22");
        let mut back = Vec::new();
        unescape(&escaped, &mut back);
        assert_eq!(back, plain);
    }

    #[test]
    fn broken_escapes_stay() {
        for text in [&b"100%"[..], b"%4", b"%zz", b"%%"] {
            let mut out = Vec::new();
            unescape(text, &mut out);
            assert_eq!(out, text);
        }
    }
}
