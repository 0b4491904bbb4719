//! Which format a scrape is answered in: what the client's `Accept` prefers among what there is.
//!
//! Rules: Prometheus, "Content negotiation for scrape protocols"
//! (<https://prometheus.io/docs/instrumenting/content_negotiation/>).

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};

use super::escape::Escaping;

/// The formats of an exposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4: what every reader takes.
    #[default]
    Text004,
    /// Prometheus text 1.0.0: names in UTF-8, if asked for.
    Text100,
    /// OpenMetrics 0.0.1, as old readers call it.
    OpenMetrics001,
    /// OpenMetrics 1.0.0: exemplars and the time of creation.
    OpenMetrics100,
    /// Delimited protobuf messages: native histograms.
    Protobuf,
}

/// A format, and how names are escaped in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContentType {
    /// The format.
    pub format: Format,
    /// What becomes of names outside of the old character set.
    pub escaping: Escaping,
    /// Whether the answer says so.
    says: bool,
}

impl ContentType {
    /// A format and an escaping that were agreed on elsewhere.
    pub fn new(format: Format, escaping: Escaping) -> Self {
        let says =
            escaping != Escaping::default() || matches!(format, Format::Text100 | Format::OpenMetrics100);
        Self { format, escaping, says }
    }

    /// What the client prefers; text 0.0.4 if it names nothing that there is. Of equal preferences the first wins.
    pub fn negotiate(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok());
        let mut best: Option<(u16, Self)> = None;
        for (weight, offer) in values.flat_map(|v| v.split(',')).filter_map(read) {
            if best.is_none_or(|(w, _)| weight > w) {
                best = Some((weight, offer));
            }
        }
        best.map(|(_, offer)| offer).unwrap_or_default()
    }

    /// The value of `Content-Type`.
    pub fn header(self) -> HeaderValue {
        let base = match self.format {
            Format::Text004 => super::CONTENT_TYPE_TEXT,
            Format::Text100 => "text/plain; version=1.0.0; charset=utf-8",
            Format::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Format::OpenMetrics100 => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        };
        if !self.says {
            return HeaderValue::from_static(base);
        }
        let text = format!("{base}; escaping={}", self.escaping.as_str());
        // Both parts are ASCII.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(super::CONTENT_TYPE_TEXT))
    }
}

/// One member of `Accept`: its weight in thousandths and what it asks for; `None` for what there is not.
fn read(member: &str) -> Option<(u16, ContentType)> {
    let mut parts = member.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let (mut weight, mut version, mut escaping) = (1000, None, None);
    let (mut proto, mut encoding) = (None, None);
    for (name, value) in parts.filter_map(|p| p.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => weight = thousandths(value)?,
            "version" => version = Some(value),
            "escaping" => escaping = Escaping::read(value),
            "proto" => proto = Some(value),
            "encoding" => encoding = Some(value),
            _ => {}
        }
    }
    let format = match (media.as_str(), version) {
        ("text/plain", None | Some("0.0.4")) | ("*/*" | "text/*", None) => Format::Text004,
        ("text/plain", Some("1.0.0")) => Format::Text100,
        ("application/openmetrics-text", None | Some("0.0.1")) => Format::OpenMetrics001,
        ("application/openmetrics-text", Some("1.0.0")) => Format::OpenMetrics100,
        ("application/vnd.google.protobuf", _)
            if proto == Some("io.prometheus.client.MetricFamily") && encoding == Some("delimited") =>
        {
            Format::Protobuf
        }
        _ => return None,
    };
    let mut found = ContentType::new(format, escaping.unwrap_or_default());
    found.says |= escaping.is_some();
    (weight > 0).then_some((weight, found))
}

/// A weight from 0 to 1 (RFC 9110, section 12.4.2); a member with another one is not considered.
fn thousandths(text: &str) -> Option<u16> {
    let weight = text.parse::<f32>().ok().filter(|w| (0.0..=1.0).contains(w))?;
    Some((weight * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(accept: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        ContentType::negotiate(&headers).header().to_str().unwrap().to_owned()
    }

    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    const PROTO: &str =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

    #[test]
    fn servers_get_what_they_prefer() {
        // Prometheus 2.42, with native histograms.
        let old = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                   application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                   text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(answer(old), PROTO);
        let without_proto = old.split_once(',').unwrap().1;
        let open = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=";
        assert_eq!(answer(without_proto), format!("{open}underscores"));
        // Prometheus 3.5.
        let new = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                   application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                   text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(answer(new), format!("{open}allow-utf-8"));
    }

    #[test]
    fn weights_order_versions_and_escapings_are_respected() {
        for (accept, expected) in [
            ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
            (
                "text/plain;version=1.0.0;escaping=dots;q=0.2,text/plain;q=0.1",
                "text/plain; version=1.0.0; charset=utf-8; escaping=dots",
            ),
            ("text/plain; version=\"0.0.4\"; escaping=values", &format!("{TEXT}; escaping=values")),
            ("TEXT/PLAIN;q=0.5 , application/openmetrics-text;Version=1.0.0;q=0.4", TEXT),
            ("application/openmetrics-text", "application/openmetrics-text; version=0.0.1; charset=utf-8"),
            ("text/html,application/json", TEXT),
            ("", TEXT),
            ("*/*", TEXT),
            ("application/openmetrics-text;version=1.0.0;q=0,text/plain", TEXT),
            ("application/openmetrics-text;version=1.0.0;q=2,*/*;q=0.1", TEXT),
            ("application/openmetrics-text;version=2.0.0,*/*;q=0.1", TEXT),
            ("application/vnd.google.protobuf;proto=other;encoding=delimited", TEXT),
        ] {
            assert_eq!(answer(accept), expected, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_answered(accept in "[a-z/*;=,.0-9 \"q]{0,60}|(text/plain;(version|q|escaping)=[a-z0-9.]{0,6},?){0,4}") {
            prop_assert!(!answer(&accept).is_empty());
        }
    }
}
