//! Read the value of a line, as long as there is no doubt about it.

/// Numbers as large as this are left to the exact path. Source: the plain engine's
/// limit; no sum of smaller numbers can become infinite.
const LARGE: f64 = 1e270;

/// Read one number; return `None` if anything is in doubt.
///
/// There is no doubt about decimal numbers that the protocol, Go and Python read alike:
/// ASCII digits with an optional sign, point and exponent.
pub fn read_number(text: &[u8]) -> Option<f64> {
    if let Some(number) = read_small_integer(text) {
        return Some(number);
    }
    // The library also reads "inf", "nan" and "infinity".
    let is_plain =
        text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_plain {
        return None;
    }
    let number: f64 = fast_float2::parse(text).ok()?;
    (number.abs() < LARGE).then_some(number)
}

/// Read up to 15 digits, which a double holds exactly; most lines have such numbers.
fn read_small_integer(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    let mut number: i64 = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    #[allow(clippy::cast_precision_loss)] // below 10^15
    Some(number as f64)
}

/// Whether *text* may be added to a set as it is.
pub fn is_member(text: &[u8]) -> bool {
    !text.is_empty() && (text.is_ascii() || std::str::from_utf8(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{is_member, read_number};

    #[test]
    fn reads_what_the_protocol_reads() {
        for (text, number) in [
            ("1", 1.0),
            ("0", 0.0),
            ("-3.25", -3.25),
            ("+5", 5.0),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("999999999999999", 999_999_999_999_999.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("0.1", 0.1),
        ] {
            assert_eq!(read_number(text.as_bytes()), Some(number), "{text}");
        }
    }

    #[test]
    fn leaves_what_is_in_doubt() {
        for text in [
            "", "-", "+", ".", "e5", "1e", "nan", "inf", "-inf", "infinity", "0x1p3", "1_000",
            " 1", "1 ", "1:2", "1.2.3", "1e270", "-1e300", "1e400", "1\r", "١",
        ] {
            assert_eq!(read_number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn keeps_the_sign_of_zero() {
        assert!(read_number(b"-0").is_some_and(f64::is_sign_negative));
    }

    #[test]
    fn tells_text_from_bytes() {
        assert!(is_member("zoë".as_bytes()));
        assert!(!is_member(b""));
        assert!(!is_member(b"\xff"));
    }
}
