//! What an OTLP receiver answered, and what it means: pure functions over status, headers and body.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::http_client::{is_misconfigured, media_type, retry_after};
use crate::shorten::shorten;
use crate::wire_reader::{Field, Malformed, fields};

/// A successful answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Records that were refused.
    pub(super) rejected: u64,
    /// Why, or a warning if none was refused.
    pub(super) message: String,
}

/// A failed answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) retryable: bool,
    /// Whether it is about who sends or where to.
    pub(super) misconfigured: bool,
    pub(super) retry_after: Option<Duration>,
}

/// Reads an answer. `now` is needed for a `Retry-After` that is a date.
///
/// A success whose body cannot be read is a success: by the specification 200 says that the request was processed, and the
/// body only how much of it was refused. Sending it again would store it twice.
pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Result<Accepted, Refused> {
    let elsewhere =
        |message: String| Refused { message, retryable: false, misconfigured: true, retry_after: None };
    let taken = || Accepted { rejected: 0, message: unread(status) };
    let media_type = media_type(headers);
    if status.is_success() {
        return match media_type.as_deref() {
            // An answer without a type is one of ours or empty; one with another type is not read.
            None | Some("application/x-protobuf") => Ok(partial_success(body).unwrap_or_else(|_| taken())),
            Some("application/json") => Ok(json_partial_success(body).unwrap_or_else(|_| taken())),
            Some("text/html") => {
                Err(elsewhere(format!("answered {status} with a web page: this is not an OTLP receiver")))
            }
            Some(_) => Ok(Accepted::default()),
        };
    }
    if status.is_redirection() {
        return Err(elsewhere(format!("answered {status}; redirects are not followed, set the final URL")));
    }
    let words = match media_type.as_deref() {
        Some("application/x-protobuf") => status_message(body).unwrap_or_default(),
        Some("application/json") => json_status_message(body),
        Some("text/html") => String::new(),
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let words = shorten(&words);
    let message =
        if words.is_empty() { format!("answered {status}") } else { format!("answered {status}: {words}") };
    let retryable = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    let retry_after = if retryable { retry_after(headers, now) } else { None };
    Err(Refused { message, retryable, misconfigured: is_misconfigured(status), retry_after })
}

/// The remark on a success whose body cannot be read.
pub(super) fn unread(status: impl std::fmt::Display) -> String {
    format!("answered {status} with a body that cannot be read: whether anything was refused is not known")
}

/// `Export*ServiceResponse{1: partial_success{1: rejected (int64), 2: error_message}}`, equal for all signals.
pub(super) fn partial_success(body: &[u8]) -> Result<Accepted, Malformed> {
    let mut accepted = Accepted::default();
    for field in fields(body) {
        let (1, Field::Bytes(partial)) = field? else { continue };
        for field in fields(partial) {
            match field? {
                (1, Field::Varint(v)) => accepted.rejected = u64::try_from(v as i64).unwrap_or(0),
                (2, Field::Bytes(v)) => accepted.message = shorten(&String::from_utf8_lossy(v)),
                _ => {}
            }
        }
    }
    Ok(accepted)
}

/// The same in JSON, where every field may be absent or null, and 64-bit numbers are texts; an empty body is a success.
fn json_partial_success(body: &[u8]) -> Result<Accepted, serde_json::Error> {
    if body.trim_ascii().is_empty() {
        return Ok(Accepted::default());
    }
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    let partial = &answer["partialSuccess"];
    let keys = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"];
    let rejected = keys.iter().map(|key| &partial[*key]);
    let number = |v: &serde_json::Value| v.as_u64().or_else(|| v.as_str()?.parse().ok());
    Ok(Accepted {
        rejected: rejected.filter_map(number).max().unwrap_or(0),
        message: shorten(partial["errorMessage"].as_str().unwrap_or_default()),
    })
}

/// `google.rpc.Status` in JSON, or whatever else is there.
fn json_status_message(body: &[u8]) -> String {
    let status: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = status.as_ref().and_then(|status| status["message"].as_str());
    message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

/// `google.rpc.Status{2: message}`.
fn status_message(body: &[u8]) -> Result<String, Malformed> {
    let mut message = String::new();
    for field in fields(body) {
        if let (2, Field::Bytes(v)) = field? {
            message = String::from_utf8_lossy(v).into_owned();
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{CONTENT_TYPE, RETRY_AFTER};
    use opentelemetry_proto::tonic::collector::metrics::v1 as metrics;
    use opentelemetry_proto::tonic::collector::trace::v1 as traces;
    use proptest::prelude::*;
    use prost::Message as _;

    fn headers(list: &[(http::HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect()
    }

    fn refused(status: u16, list: &[(http::HeaderName, &str)], body: &[u8]) -> Refused {
        // 06 Nov 1994 08:49:37 GMT, RFC 9110's example.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        read(StatusCode::from_u16(status).unwrap(), &headers(list), body, now).unwrap_err()
    }

    #[test]
    fn only_four_statuses_are_retryable() {
        let retryable: Vec<u16> = (300..600).filter(|s| refused(*s, &[], b"").retryable).collect();
        assert_eq!(retryable, [429, 502, 503, 504]);
    }

    #[test]
    fn refusals_of_the_sender_or_the_address_are_told_from_those_of_the_batch() {
        let misconfigured: Vec<u16> =
            (300..600).filter(|s| refused(*s, &[], b"").misconfigured).filter(|s| *s >= 400).collect();
        assert_eq!(misconfigured, [401, 403, 404, 405, 407]);
        assert!((300..400).all(|s| refused(s, &[], b"").misconfigured), "an address that has moved");
        let page = headers(&[(CONTENT_TYPE, "text/html")]);
        assert!(read(StatusCode::OK, &page, b"", SystemTime::UNIX_EPOCH).unwrap_err().misconfigured);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_is_capped() {
        let wait =
            |status, text| refused(status, &[(RETRY_AFTER, text)], b"").retry_after.map(|d| d.as_secs());
        assert_eq!(wait(503, "7"), Some(7));
        assert_eq!(wait(429, " 0 "), Some(0));
        assert_eq!(wait(429, "99999999999999999999999"), Some(300));
        assert_eq!(wait(503, "Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait(503, "Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(wait(503, "Fri, 31 Dec 1999 23:59:59 GMT"), Some(300));
        assert_eq!(wait(503, "soon"), None);
        assert_eq!(wait(400, "7"), None, "a failure that stays is not waited for");
    }

    #[test]
    fn the_message_of_a_status_body_is_in_the_error() {
        // google.rpc.Status: code = 3, message = "no tenant".
        let body = [&[0x08, 3, 0x12, 9][..], b"no tenant"].concat();
        let typed = [(CONTENT_TYPE, "application/x-protobuf; x=y")];
        assert_eq!(refused(400, &typed, &body).message, "answered 400 Bad Request: no tenant");
        assert_eq!(refused(400, &typed, &[0xff]).message, "answered 400 Bad Request");
        assert_eq!(
            refused(404, &[], b" page\nnot found\n").message,
            "answered 404 Not Found: page not found"
        );
        assert!(refused(500, &[], &[b'x'; 10_000]).message.len() < 400);
    }

    #[test]
    fn partial_success_of_both_signals_is_read() {
        let partial = traces::ExportTracePartialSuccess { rejected_spans: 3, error_message: "late".into() };
        let body = traces::ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let expected = Accepted { rejected: 3, message: "late".into() };
        assert_eq!(partial_success(&body), Ok(expected));
        let partial =
            metrics::ExportMetricsPartialSuccess { rejected_data_points: -1, error_message: "odd".into() };
        let body = metrics::ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(partial_success(&body), Ok(Accepted { rejected: 0, message: "odd".into() }));
    }

    #[test]
    fn a_success_is_judged_by_its_type() {
        let get = |kind: &str, body: &[u8]| {
            read(StatusCode::OK, &headers(&[(CONTENT_TYPE, kind)]), body, SystemTime::UNIX_EPOCH)
        };
        assert_eq!(get("application/x-protobuf", b""), Ok(Accepted::default()));
        assert_eq!(get("application/json", b"{}"), Ok(Accepted::default()));
        assert!(
            get("text/html; charset=utf-8", b"<html>").unwrap_err().message.contains("not an OTLP receiver")
        );
        for (kind, body) in [("application/x-protobuf", &b"\xff"[..]), ("application/json", b"{")] {
            let accepted = get(kind, body).unwrap();
            assert_eq!(accepted.rejected, 0, "{kind}");
            assert!(accepted.message.contains("cannot be read"), "{accepted:?}");
        }
    }

    #[test]
    fn partial_success_in_json_is_read_with_numbers_of_both_kinds() {
        let read = |body: &str| json_partial_success(body.as_bytes()).map(|a| (a.rejected, a.message)).ok();
        assert_eq!(read(""), Some((0, String::new())));
        assert_eq!(read(r#"{"partialSuccess":null}"#), Some((0, String::new())));
        let text = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"late"}}"#;
        assert_eq!(read(text), Some((3, "late".into())));
        assert_eq!(read(r#"{"partialSuccess":{"rejectedDataPoints":2}}"#), Some((2, String::new())));
        assert_eq!(read(r#"{"partialSuccess":{"rejectedLogRecords":"4"}}"#), Some((4, String::new())));
        assert_eq!(read("{"), None);
        let typed = [(CONTENT_TYPE, "application/json")];
        let said = refused(400, &typed, br#"{"code":3,"message":"no tenant"}"#).message;
        assert_eq!(said, "answered 400 Bad Request: no tenant");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(
            status in 200u16..600,
            kind in prop::option::of(prop::sample::select(vec!["application/x-protobuf", "application/json", "text/plain"])),
            wait in "\\PC{0,40}",
            body: Vec<u8>,
        ) {
            let mut map = headers(&kind.map(|k| (CONTENT_TYPE, k)).into_iter().collect::<Vec<_>>());
            if let Ok(v) = HeaderValue::from_str(&wait) {
                map.insert(RETRY_AFTER, v);
            }
            let status = StatusCode::from_u16(status).unwrap();
            if let Err(refused) = read(status, &map, &body, SystemTime::now()) {
                prop_assert!(refused.retry_after.is_none_or(|w| w <= Duration::from_secs(300)));
                prop_assert!(!refused.message.chars().any(char::is_control));
            }
        }
    }
}
