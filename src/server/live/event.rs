//! One event, encoded once for all subscribers.

use std::sync::Arc;

use serde::Serialize;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LiveEvent {
    /// A name, and JSON without line breaks.
    Data(&'static str, Arc<str>),
    /// The server ends: so does the stream.
    End,
}

impl LiveEvent {
    /// An event; `None` if the data cannot be JSON, which plain data always can.
    pub(super) fn new(name: &'static str, data: &impl Serialize) -> Option<Self> {
        serde_json::to_string(data).ok().map(|json| Self::Data(name, json.into()))
    }

    /// The bytes on the wire.
    pub(super) fn frame(&self) -> Option<String> {
        match self {
            Self::Data(name, json) => Some(format!("event: {name}\ndata: {json}\n\n")),
            Self::End => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_data_line_whatever_the_text_holds() {
        let event = LiveEvent::new("anomaly", &serde_json::json!({"reason": "a\n\ndata: b"})).unwrap();
        assert_eq!(event.frame().unwrap(), "event: anomaly\ndata: {\"reason\":\"a\\n\\ndata: b\"}\n\n");
    }
}
