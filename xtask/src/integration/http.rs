//! A minimal HTTP client over `TcpStream`, for requests to servers on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Result;

const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
/// More than any answer here has.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// `GET path` from `address` (`host:port`).
pub(super) fn get(address: &str, path: &str) -> Result<Answer> {
    exchange(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"))
}

/// `POST path` with a JSON body.
pub(super) fn post_json(address: &str, path: &str, body: &str) -> Result<Answer> {
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(address, &(head + body))
}

/// HTTP/1.0, so that the answer comes unchunked and ends with the connection.
fn exchange(address: &str, request: &str) -> Result<Answer> {
    let call = || -> Result<Answer> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
        parse(&String::from_utf8_lossy(&bytes))
    };
    let line = request.lines().next().unwrap_or_default();
    call().map_err(|error| format!("{line} at {address}: {error}").into())
}

fn parse(answer: &str) -> Result<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no end of headers")?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("no status in {head:?}"))?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        // Bytes that were not UTF-8 only make the text longer.
        Some(length) if body.len() < length => Err("the connection closed inside of the body".into()),
        _ => Ok(Answer { status, body: body.to_owned() }),
    }
}

/// Percent-encodes a query value (RFC 3986, section 2.3: unreserved characters stay).
pub(super) fn encoded(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}

/// Asks until `ask` gives a value, at most for `limit`; the last reason for not giving one is the error.
pub(super) fn until<T>(limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match ask() {
            Err(error) if Instant::now() >= deadline => {
                return Err(format!("after {limit:?}: {error}").into());
            }
            Err(_) => std::thread::sleep(POLL),
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_parsed_and_a_cut_one_is_refused() {
        let whole = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(parse(whole).unwrap(), Answer { status: 404, body: "no".into() });
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nno",
        ] {
            assert!(parse(cut).is_err(), "{cut:?}");
        }
    }

    #[test]
    fn query_values_are_percent_encoded() {
        assert_eq!(encoded("sum(a{b=\"/c\"})"), "sum%28a%7Bb%3D%22%2Fc%22%7D%29");
    }

    #[test]
    fn asking_ends_with_the_last_reason() {
        let error = until(Duration::ZERO, || Err::<(), _>("not yet".into())).unwrap_err();
        assert_eq!(error.to_string(), "after 0ns: not yet");
        let mut tries = 0;
        let found = until(LIMIT, || {
            tries += 1;
            if tries == 2 { Ok(tries) } else { Err("not yet".into()) }
        });
        assert_eq!(found.unwrap(), 2);
    }
}
