//! `OTEL_RESOURCE_ATTRIBUTES`: `key=value,key=value`, percent-encoded.

use crate::model::KeyValue;

/// More than any real resource; the rest is refused.
const MAX_ATTRIBUTES: usize = 128;

/// Reads the value of `OTEL_RESOURCE_ATTRIBUTES`.
///
/// Commas and equal signs, and whatever is not printable ASCII, must be percent-encoded (resource SDK specification,
/// "Specifying resource information via an environment variable"). Keys are decoded as well.
///
/// # Errors
/// What is wrong. As the specification demands, the whole value is then discarded.
pub fn parse_resource_attributes(text: &str) -> Result<Vec<KeyValue>, String> {
    let mut attributes = Vec::new();
    for (i, pair) in text.split(',').map(str::trim).enumerate().filter(|(_, pair)| !pair.is_empty()) {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| format!("entry {} has no equal sign", i + 1))?;
        let entry = |what: &str| format!("the {what} of entry {} is not valid percent-encoded UTF-8", i + 1);
        let key = decode(key.trim()).ok_or_else(|| entry("key"))?;
        let value = decode(value.trim()).ok_or_else(|| entry("value"))?;
        if key.is_empty() {
            return Err(format!("entry {} has an empty key", i + 1));
        }
        if attributes.len() == MAX_ATTRIBUTES {
            return Err(format!("there are more than {MAX_ATTRIBUTES} entries"));
        }
        attributes.push(KeyValue::new(key, value));
    }
    Ok(attributes)
}

/// Decodes `%XX`; `None` if a `%` is not followed by two hexadecimal digits, or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).map(|d| d as u8);
                digit()? << 4 | digit()?
            }
            b => b,
        });
    }
    String::from_utf8(bytes).ok()
}
