//! One unary call: what strategy a service should sample by.

use std::fmt;

use async_trait::async_trait;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, TE, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use trace_core::sample::remote::{FetchError, Strategy, StrategySource};

use super::endpoint::{Address, InvalidSamplingEndpoint};
use super::message;
use super::source::{AGENT, MAX_ANSWER_BYTES, innermost};

use crate::http_client::{Connector, TlsConfig, http2_connector};

const METHOD: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";
/// A flag and a length before each message.
const PREFIX: usize = 5;
/// What is shown of a server's explanation.
const SHOWN: usize = 200;

/// Asks a Jaeger backend for strategies over gRPC: `jaeger.api_v2.SamplingManager/GetSamplingStrategy`, by HTTP/2 without
/// negotiation, or over TLS.
pub struct JaegerGrpcSampling {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    shown: String,
}

impl JaegerGrpcSampling {
    /// Asks at this address, such as `http://localhost:5779`. `https` needs the feature `tls`.
    ///
    /// # Errors
    /// If the address is not a URL that this build can ask, has a path or a query, or holds a password.
    pub fn new(endpoint: &str) -> Result<Self, InvalidSamplingEndpoint> {
        let address = Address::read(endpoint)?;
        if !matches!(address.uri.path(), "" | "/") || address.uri.query().is_some() {
            return Err(address.fail("must not have a path: gRPC has its own"));
        }
        let connector = http2_connector(&TlsConfig::default(), &address.uri).map_err(|e| address.fail(e))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Questions are a minute apart.
            .pool_max_idle_per_host(0)
            .http2_only(true)
            .build(connector);
        let mut parts = address.uri.clone().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static(METHOD));
        let uri = Uri::from_parts(parts).map_err(|e| address.fail(e))?;
        Ok(Self { client, uri, shown: address.shown })
    }

    fn fail(&self, what: impl fmt::Display) -> FetchError {
        FetchError(format!("gRPC {}: {what}", self.shown))
    }
}

fn request_of(uri: &Uri, message: &[u8]) -> Request<Full<Bytes>> {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut request = Request::new(Full::new(framed.freeze()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    request
}

#[async_trait]
impl StrategySource for JaegerGrpcSampling {
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError> {
        let request = request_of(&self.uri, &message::parameters(service));
        let answer = self.client.request(request).await.map_err(|e| self.fail(innermost(&e)))?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(self.fail(format_args!("answered HTTP {}", head.status)));
        }
        let body = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
            Ok(body) => body,
            Err(e) if e.is::<LengthLimitError>() => {
                return Err(self.fail("answered with more than 4 MiB"));
            }
            Err(_) => return Err(self.fail("the answer broke off")),
        };
        // A call that failed at once has its status in the head.
        let trailers = body.trailers().unwrap_or(&head.headers);
        if let Some(failure) = failure(trailers) {
            return Err(self.fail(failure));
        }
        let body = body.to_bytes();
        let message = one_message(&body).map_err(|e| self.fail(e))?;
        message::response(message).map_err(|e| self.fail(e))
    }
}

/// What a status other than 0 says.
fn failure(trailers: &HeaderMap) -> Option<String> {
    let text = |name| trailers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let status = text("grpc-status").unwrap_or("missing");
    if status == "0" {
        return None;
    }
    let status: String = status.chars().take(SHOWN).collect();
    let said = decoded(text("grpc-message").unwrap_or_default());
    let name = match status.as_str() {
        "4" => " (DEADLINE_EXCEEDED)",
        "5" => " (NOT_FOUND)",
        "7" => " (PERMISSION_DENIED)",
        "12" => " (UNIMPLEMENTED: is it Jaeger's sampling port, 5779?)",
        "14" => " (UNAVAILABLE)",
        "16" => " (UNAUTHENTICATED)",
        _ => "",
    };
    Some(format!("answered grpc-status {status}{name} {said}").trim_end().to_owned())
}

/// A percent-encoded text, as far as it is shown.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low)
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// The message of an answer that has one.
fn one_message(body: &[u8]) -> Result<&[u8], &'static str> {
    let (prefix, message) = body.split_first_chunk::<PREFIX>().ok_or("answered without a message")?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err("answered with a compressed message, which was not asked for");
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err("the answer is not one message");
    }
    Ok(message)
}

impl fmt::Debug for JaegerGrpcSampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerGrpcSampling").field("endpoint", &self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_path_or_secrets_is_refused() {
        for bad in ["http://h:5779/sampling", "http://h?token=secret", "http://u:secret@h", "h:5779"] {
            let error = JaegerGrpcSampling::new(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(JaegerGrpcSampling::new("http://h:5779/").is_ok());
    }

    #[test]
    fn what_a_server_says_is_decoded_and_cut() {
        assert_eq!(decoded("not%20h%C3%A9re%0A%zz%4"), "not hére%zz%4");
        assert_eq!(decoded(&"x".repeat(1000)).len(), SHOWN);
    }

    #[test]
    fn an_answer_has_one_whole_message_that_is_not_compressed() {
        assert_eq!(one_message(&[0, 0, 0, 0, 2, 7, 8]), Ok(&[7, 8][..]));
        assert_eq!(one_message(&[0, 0, 0, 0, 0]), Ok(&[][..]));
        for bad in [&[][..], &[0, 0, 0, 0], &[1, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 255, 255, 255, 255]] {
            assert!(one_message(bad).is_err(), "{bad:?}");
        }
    }
}
