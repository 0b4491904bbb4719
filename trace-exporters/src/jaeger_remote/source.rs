//! One GET: what strategy a service should sample by.

use std::fmt;
use std::fmt::Write as _;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use trace_core::sample::remote::{FetchError, Strategy, StrategySource};

use super::endpoint::{Address, InvalidSamplingEndpoint};

use crate::http_client::{Connector, TlsConfig, connector};

/// The largest answer that is read: 2000 operations with names of a thousand characters.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The largest head of an answer.
const MAX_HEAD_BYTES: usize = 64 << 10;
pub(super) const AGENT: &str = concat!("mplp-trace/", env!("CARGO_PKG_VERSION"));

/// Asks a Jaeger backend for strategies over HTTP. Redirects are not followed.
pub struct JaegerSampling {
    client: Client<Connector, Empty<Bytes>>,
    endpoint: Uri,
    shown: String,
}

impl JaegerSampling {
    /// Asks at this address, such as `http://localhost:5778/sampling`; `service=NAME` is added to its query. `https`
    /// needs the feature `tls`.
    ///
    /// # Errors
    /// If the address is not a URL that this build can ask, names a service itself, or holds a password.
    pub fn new(endpoint: &str) -> Result<Self, InvalidSamplingEndpoint> {
        let address = Address::read(endpoint)?;
        if address.uri.query().is_some_and(|q| q.split('&').any(|p| p.starts_with("service="))) {
            return Err(address.fail("must not name a service: the sampler adds its own"));
        }
        let connector = connector(&TlsConfig::default(), &address.uri).map_err(|e| address.fail(e))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Questions are a minute apart; most servers close sooner.
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(connector);
        Ok(Self { client, endpoint: address.uri, shown: address.shown })
    }

    fn uri_for(&self, service: &str) -> Result<Uri, FetchError> {
        let path = match self.endpoint.path() {
            "" => "/",
            path => path,
        };
        let query = self.endpoint.query().map(|q| format!("{q}&")).unwrap_or_default();
        let mut parts = self.endpoint.clone().into_parts();
        let full = format!("{path}?{query}service={}", Encoded(service));
        parts.path_and_query = Some(full.parse().map_err(|_| self.fail("the service's name is too long"))?);
        Uri::from_parts(parts).map_err(|_| self.fail("the service's name is too long"))
    }

    fn fail(&self, what: impl fmt::Display) -> FetchError {
        FetchError(format!("GET {}: {what}", self.shown))
    }
}

#[async_trait]
impl StrategySource for JaegerSampling {
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri_for(service)?;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.client.request(request).await.map_err(|e| self.fail(innermost(&e)))?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(self.fail(format_args!("answered {}", head.status)));
        }
        match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
            Ok(body) => Strategy::parse(&body.to_bytes()).map_err(|e| self.fail(e)),
            Err(e) if e.is::<LengthLimitError>() => Err(self.fail("answered with more than 4 MiB")),
            Err(_) => Err(self.fail("the answer broke off")),
        }
    }
}

impl fmt::Debug for JaegerSampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerSampling").field("endpoint", &self.shown).finish()
    }
}

/// The cause of all causes: the others say only that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// A text as a value in a query (RFC 3986: everything but unreserved characters is escaped).
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for b in self.0.bytes() {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                f.write_char(b.into())?;
            } else {
                write!(f, "%{b:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_added_to_path_and_query() {
        let uri = |endpoint: &str, service: &str| {
            JaegerSampling::new(endpoint).unwrap().uri_for(service).unwrap().to_string()
        };
        assert_eq!(uri("http://h:5778", "shop"), "http://h:5778/?service=shop");
        assert_eq!(uri("http://h/sampling", "a b&c=é"), "http://h/sampling?service=a%20b%26c%3D%C3%A9");
        assert_eq!(uri("http://h/s?x=1", "shop"), "http://h/s?x=1&service=shop");
        assert!(JaegerSampling::new("http://h").unwrap().uri_for(&"x".repeat(1 << 17)).is_err());
    }

    #[test]
    fn an_address_that_cannot_be_asked_is_refused_without_its_secrets() {
        for bad in
            ["", "localhost:5778", "ftp://h", "/sampling", "http://h/?service=a", "http://u:secret@h/", "a b"]
        {
            let error = JaegerSampling::new(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let shown = format!("{:?}", JaegerSampling::new("http://h/s?token=secret").unwrap());
        assert!(shown.contains("http://h/s") && !shown.contains("secret"), "{shown}");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_needs_the_feature() {
        assert!(JaegerSampling::new("https://h").unwrap_err().to_string().contains("feature `tls`"));
    }
}
