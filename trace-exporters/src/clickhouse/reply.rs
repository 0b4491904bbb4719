//! What the server answered, and whether to try again: pure functions over status, headers and body.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::http_client::retry_after;
use crate::shorten::shorten;

/// The header that holds the number of the error.
const CODE_HEADER: &str = "x-clickhouse-exception-code";

/// Errors that may pass: the server is busy, short of something, or has lost another of its kind for a while. The
/// numbers never change: <https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>.
const PASSING: [u32; 34] = [
    3,   // UNEXPECTED_END_OF_FILE: the request was cut on its way
    95,  // CANNOT_READ_FROM_SOCKET
    159, // TIMEOUT_EXCEEDED
    160, // TOO_SLOW
    173, // CANNOT_ALLOCATE_MEMORY
    198, // DNS_ERROR
    201, // QUOTA_EXPIRED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    203, // NO_FREE_CONNECTION
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    216, // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING
    218, // TABLE_IS_DROPPED
    225, // NO_ZOOKEEPER
    236, // ABORTED
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY: a replica without its coordinator
    243, // NOT_ENOUGH_SPACE
    252, // TOO_MANY_PARTS
    254, // NO_ACTIVE_REPLICAS
    265, // NO_AVAILABLE_REPLICA
    279, // ALL_CONNECTION_TRIES_FAILED
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    297, // SHARD_HAS_NO_CONNECTIONS
    319, // UNKNOWN_STATUS_OF_INSERT: the token makes the second attempt count once
    335, // BARRIER_TIMEOUT
    364, // RECEIVED_ERROR_TOO_MANY_REQUESTS
    369, // ALL_REPLICAS_ARE_STALE
    394, // QUERY_WAS_CANCELLED
    425, // SYSTEM_ERROR
    439, // CANNOT_SCHEDULE_TASK
    745, // SERVER_OVERLOADED
    999, // KEEPER_EXCEPTION
];

/// A table, a column or the database is not there.
const MISSING_SCHEMA: [u32; 3] = [16, 60, 81];

/// A failed answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) retryable: bool,
    pub(super) retry_after: Option<Duration>,
    /// Whether making the schema may help.
    pub(super) lacks_schema: bool,
}

/// Reads an answer; the body of a good one is what was asked for. `now` is needed for a `Retry-After` that is a date.
pub(super) fn check(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Result<(), Refused> {
    let declared = headers.get(CODE_HEADER).and_then(|v| v.to_str().ok()?.trim().parse::<u32>().ok());
    if status.is_success() && declared.is_none() {
        return Ok(());
    }
    // No more of it is shown; a body of megabytes is not searched.
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let code = declared.or_else(|| code_of(&text));
    let words = shorten(&text);
    let message = match (code, words.is_empty()) {
        (_, false) => format!("answered {status}: {words}"),
        (Some(code), true) => format!("answered {status}: Code: {code}"),
        (None, true) if status.is_redirection() => {
            format!("answered {status}; redirects are not followed, set the final URL")
        }
        (None, true) => format!("answered {status}"),
    };
    let busy = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    let retryable = busy || code.is_some_and(|c| PASSING.contains(&c));
    Err(Refused {
        message,
        retryable,
        retry_after: if retryable { retry_after(headers, now) } else { None },
        lacks_schema: code.is_some_and(|c| MISSING_SCHEMA.contains(&c)),
    })
}

/// The number in `Code: N. DB::Exception: ...`.
fn code_of(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn refused(status: u16, code: Option<&'static str>, body: &str) -> Refused {
        let mut headers = HeaderMap::new();
        if let Some(code) = code {
            headers.insert(CODE_HEADER, HeaderValue::from_static(code));
        }
        headers.insert("retry-after", HeaderValue::from_static("7"));
        check(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), SystemTime::UNIX_EPOCH)
            .unwrap_err()
    }

    #[test]
    fn the_number_says_whether_to_try_again() {
        let busy = "Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS) (version 26.9)\n";
        let syntax = "Code: 62. DB::Exception: Syntax error: failed at position 1. (SYNTAX_ERROR)";
        assert!(refused(500, None, busy).retryable && !refused(500, None, syntax).retryable);
        assert!(refused(500, Some("241"), "").retryable && !refused(403, Some("516"), "").retryable);
        assert_eq!(refused(500, Some("241"), "").retry_after, Some(Duration::from_secs(7)));
        assert_eq!(refused(400, None, syntax).retry_after, None, "what stays is not waited for");
        assert!(refused(503, None, "").retryable && !refused(500, None, "").retryable);
        assert!(refused(404, Some("60"), "").lacks_schema && !refused(404, None, "").lacks_schema);
    }

    #[test]
    fn an_exception_after_a_good_status_is_a_failure() {
        assert!(refused(200, Some("241"), "Code: 241. DB::Exception: Memory limit").retryable);
        assert_eq!(check(StatusCode::OK, &HeaderMap::new(), b"Code: 241", SystemTime::UNIX_EPOCH), Ok(()));
    }

    #[test]
    fn the_servers_words_are_in_the_message_in_one_short_line() {
        let said = refused(500, None, &format!("Code: 62. DB::Exception: no\nway{}", "x".repeat(9000)));
        assert!(
            said.message.starts_with("answered 500 Internal Server Error: Code: 62. DB::Exception: no way")
        );
        assert!(said.message.len() < 400);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(status in 100u16..1000, body: Vec<u8>, code in "[0-9 ]{0,12}") {
            let mut headers = HeaderMap::new();
            headers.insert(CODE_HEADER, HeaderValue::from_str(&code).unwrap());
            let said = [b"Code: ".as_slice(), code.as_bytes(), &body].concat();
            let _ = check(StatusCode::from_u16(status).unwrap(), &headers, &said, SystemTime::UNIX_EPOCH);
        }
    }
}
