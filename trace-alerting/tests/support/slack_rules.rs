//! What Slack accepts, as Slack says it: the error code, or nothing.

use serde_json::Value;

fn units(v: &Value) -> usize {
    v.as_str().map_or(0, |s| s.encode_utf16().count())
}

/// Whether `&`, `<` and `>` occur only as entities: then nothing in the text is a link, a mention or a broadcast.
fn is_escaped(text: &str) -> bool {
    let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    !bare.contains(['&', '<', '>'])
}

/// The error code with which the body would be refused.
pub(crate) fn violation(body: &[u8]) -> Option<&'static str> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Some("invalid_payload") };
    let Some(text) = body["text"].as_str().filter(|t| !t.is_empty()) else { return Some("no_text") };
    if text.encode_utf16().count() > 4000 || !is_escaped(text) {
        return Some("invalid_payload");
    }
    let attachments = body["attachments"].as_array().cloned().unwrap_or_default();
    if attachments.len() > 20 {
        return Some("too_many_attachments");
    }
    let blocks: Vec<&Value> =
        attachments.iter().flat_map(|a| a["blocks"].as_array().into_iter().flatten()).collect();
    if blocks.is_empty() || blocks.len() > 50 {
        return Some("invalid_blocks");
    }
    let mut total = 0;
    for block in blocks {
        let text = &block["text"]["text"];
        let fields = block["fields"].as_array().cloned().unwrap_or_default();
        let elements = block["elements"].as_array().cloned().unwrap_or_default();
        let good = match block["type"].as_str() {
            Some("header") => block["text"]["type"] == "plain_text" && (1..=150).contains(&units(text)),
            Some("section") => {
                (1..=3000).contains(&units(text))
                    && fields.len() <= 10
                    && fields.iter().all(|f| (1..=2000).contains(&units(&f["text"])))
            }
            Some("context") => (1..=10).contains(&elements.len()),
            _ => false,
        };
        let marked = [text].into_iter().chain(fields.iter().chain(&elements).map(|f| &f["text"]));
        let escaped =
            block["type"] == "header" || marked.clone().all(|t| is_escaped(t.as_str().unwrap_or("")));
        if !good || !escaped {
            return Some("invalid_blocks");
        }
        total += marked.map(units).sum::<usize>();
    }
    (total > 13_200).then_some("msg_blocks_too_long")
}
