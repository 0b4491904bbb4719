//! What Slack's answer means.

use std::time::Duration;

use trace_core::model::Timestamp;
use trace_core::signal::{Delivered, NotifyError};

/// Reads the answer of an incoming webhook. Only status 200 with the body `ok` is success.
pub(super) fn read(
    status: u16,
    retry_after: Option<&str>,
    body: &str,
    now: Timestamp,
) -> Result<Delivered, NotifyError> {
    let said = said(body);
    match status {
        200 if body.trim() == "ok" => Ok(Delivered::default()),
        200 => web_api(body, retry_after, now).unwrap_or_else(|| {
            Err(NotifyError::permanent(format!(
                "slack: answered 200 but not ok ({said}): check the webhook URL"
            )))
        }),
        300..400 => Err(NotifyError::permanent(format!(
            "slack: answered {status}, a redirect, which is not followed: check the webhook URL"
        ))),
        429 => Err(NotifyError::Transient {
            message: "slack: answered 429: too many messages".to_owned(),
            // Slack's own limit is one a second; without a header that is the least to wait.
            retry_after: Some(wait(retry_after, now).unwrap_or(Duration::from_secs(1))),
        }),
        408 | 425 | 500.. => Err(NotifyError::Transient {
            message: format!("slack: answered {status} ({said})"),
            retry_after: wait(retry_after, now),
        }),
        _ => Err(NotifyError::permanent(format!("slack: answered {status} ({said}){}", advice(&said)))),
    }
}

/// The answer of a Web API address, whose status is always 200.
fn web_api(body: &str, retry_after: Option<&str>, now: Timestamp) -> Option<Result<Delivered, NotifyError>> {
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    if json["ok"].as_bool()? {
        return Some(Ok(Delivered { message_id: json["ts"].as_str().map(str::to_owned) }));
    }
    let error = said(json["error"].as_str().unwrap_or_default());
    let message = format!("slack: refused ({error})");
    Some(Err(match error.as_str() {
        "rate_limited"
        | "ratelimited"
        | "internal_error"
        | "fatal_error"
        | "request_timeout"
        | "service_unavailable" => NotifyError::Transient { message, retry_after: wait(retry_after, now) },
        _ => NotifyError::Permanent { message },
    }))
}

/// Slack's error codes are words; anything else might echo the URL and is not shown.
fn said(body: &str) -> String {
    let body = body.trim();
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    match body {
        "" => "no text".to_owned(),
        _ if body.len() <= 64 && body.bytes().all(word) => body.to_owned(),
        _ => "no error code".to_owned(),
    }
}

fn advice(said: &str) -> &'static str {
    match said {
        "no_service" | "no_team" | "invalid_token" | "no_active_hooks" | "team_disabled" => {
            ": make a new webhook and set alerting.notifications.slack.webhookUrl"
        }
        "channel_not_found" | "channel_is_archived" => ": choose another channel",
        "action_prohibited" | "posting_to_general_channel_denied" => {
            ": an administrator forbids posts to this channel"
        }
        _ => "",
    }
}

/// `Retry-After` as a wait: seconds, or an HTTP date (RFC 9110, section 10.2.3).
fn wait(header: Option<&str>, now: Timestamp) -> Option<Duration> {
    let header = header?.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header).ok()?;
    let nanos = u64::try_from(date.as_nanosecond()).ok()?;
    Some(Timestamp::from_unix_nanos(nanos).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: &str) -> Result<Delivered, NotifyError> {
        read(status, retry_after, body, Timestamp::from_unix_secs(784_111_777))
    }

    #[test]
    fn only_200_with_the_body_ok_is_success() {
        assert!(answer(200, None, "ok").is_ok());
        assert!(answer(200, None, "ok\n").is_ok());
        for (status, body) in [(200, "invalid_payload"), (200, ""), (201, "ok"), (204, ""), (302, "ok")] {
            assert!(
                matches!(answer(status, None, body), Err(NotifyError::Permanent { .. })),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn the_web_apis_json_is_understood() {
        let ok = answer(200, None, r#"{"ok":true,"ts":"1.2"}"#).unwrap();
        assert_eq!(ok.message_id.as_deref(), Some("1.2"));
        let limited = answer(200, Some("3"), r#"{"ok":false,"error":"rate_limited"}"#).unwrap_err();
        assert!(matches!(limited, NotifyError::Transient { retry_after: Some(w), .. } if w.as_secs() == 3));
        let refused = answer(200, None, r#"{"ok":false,"error":"invalid_auth"}"#).unwrap_err();
        assert_eq!(refused, NotifyError::permanent("slack: refused (invalid_auth)"));
    }

    #[test]
    fn errors_of_the_message_stay_and_errors_of_the_server_pass() {
        for (status, body) in [
            (400, "invalid_blocks"),
            (403, "action_prohibited"),
            (404, "no_service"),
            (410, "channel_is_archived"),
        ] {
            let err = answer(status, None, body).unwrap_err();
            assert!(matches!(&err, NotifyError::Permanent { message } if message.contains(body)), "{err}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(
                matches!(answer(status, None, "rollup_error"), Err(NotifyError::Transient { .. })),
                "{status}"
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wish = |header| match answer(429, header, "").unwrap_err() {
            NotifyError::Transient { retry_after, .. } => retry_after.unwrap().as_secs(),
            other => panic!("{other}"),
        };
        assert_eq!(wish(Some("30")), 30);
        assert_eq!(wish(Some("Sun, 06 Nov 1994 08:50:37 GMT")), 60);
        assert_eq!(wish(Some("Sun, 06 Nov 1994 08:00:00 GMT")), 0);
        assert_eq!(wish(Some("soon")), 1);
        assert_eq!(wish(None), 1);
    }

    #[test]
    fn an_answer_that_echoes_the_address_is_not_repeated() {
        let err = answer(404, None, "not found: /services/T0/B0/s3cret").unwrap_err();
        assert!(!err.to_string().contains("s3cret"));
    }
}
