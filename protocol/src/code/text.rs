//! The text in the QR symbol: prefix and canonical base45 (RFC 9285).

/// What every code begins with; the digit is the version of the format.
pub const PREFIX: &str = "HS1:";

/// Writes the text of a code.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::from(PREFIX);
    text.push_str(&base45::encode(bytes));
    text
}

/// Reads base45, accepting only what an encoder writes; `None` otherwise.
///
/// Three characters up to 65535 and two up to 255 are one-to-one with bytes. `base45` 3.2 accepts two characters
/// above 255 and cuts them ("::" becomes 232), so the tail is written again and compared.
#[must_use]
pub fn decode_base45(text: &str) -> Option<Vec<u8>> {
    let bytes = base45::decode(text).ok()?;
    let tail_at = text.len() - text.len() % 3;
    let tail = text.get(tail_at..)?;
    let canonical = tail.is_empty() || bytes.last().is_some_and(|last| base45::encode([*last]) == tail);
    canonical.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_the_rfc_hold() {
        for (text, bytes) in
            [("BB8", "AB"), ("%69 VD92EX0", "Hello!!"), ("UJCLQE7W581", "base-45"), ("QED8WEX0", "ietf!")]
        {
            assert_eq!(decode_base45(text).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(encode(bytes.as_bytes()), format!("HS1:{text}"));
        }
    }

    #[test]
    fn texts_that_no_encoder_writes_are_refused() {
        for text in ["AA", "V5", "::", "GGW", ":::", "A", "AAAA", "bb8", "BB8\u{e9}"] {
            assert_eq!(decode_base45(text), None, "{text}");
        }
        assert_eq!(decode_base45("FGW"), Some(vec![0xff, 0xff]));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_text(text in "[0-9A-Z $%*+./:-]{0,40}") {
            if let Some(bytes) = decode_base45(&text) {
                prop_assert_eq!(base45::encode(bytes), text);
            }
        }
    }
}
