//! Headers that change while a program runs, such as tokens.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Uri};
use trace_core::signal::ExportError;

use super::Headers;

/// Why headers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// For an attempt: what was given before will do while it is valid.
    Attempt,
    /// The other side refused what was given for this very attempt (HTTP 401, gRPC `UNAUTHENTICATED`): a cached token is
    /// of no use any more. It is asked once an attempt; if that is refused too, the attempt has failed.
    Refused,
}

/// Gives headers to requests, such as `authorization` with a token that expires.
///
/// It is asked before each attempt, inside the attempt's time limit, so it should keep a token until shortly before that
/// expires. Its headers replace static ones of the same name. Their values are never shown.
///
/// ```
/// use std::error::Error;
/// use trace_exporters::http_client::{Ask, HeaderProvider, Headers};
///
/// struct FromFile(std::path::PathBuf);
///
/// #[async_trait::async_trait]
/// impl HeaderProvider for FromFile {
///     async fn headers(&self, _: Ask) -> Result<Headers, Box<dyn Error + Send + Sync>> {
///         let token = std::fs::read_to_string(&self.0)?; // small, and renewed by others
///         Ok(Headers::from_iter([("authorization", format!("Bearer {}", token.trim()))]))
///     }
/// }
/// ```
#[async_trait]
pub trait HeaderProvider: Send + Sync {
    /// The headers for one attempt.
    ///
    /// # Errors
    /// If there are none to be had now. The attempt fails with this text, which must not hold secrets, and is retryable.
    async fn headers(&self, ask: Ask) -> Result<Headers, Box<dyn std::error::Error + Send + Sync>>;
}

/// What every request to a destination carries: static headers, and those of a provider.
pub(crate) struct Carried {
    fixed: HeaderMap,
    provider: Option<Arc<dyn HeaderProvider>>,
    /// What was provided last, to be taken out of texts.
    last: Mutex<HeaderMap>,
}

impl Carried {
    pub(crate) fn new(fixed: HeaderMap, provider: Option<Arc<dyn HeaderProvider>>) -> Self {
        Self { fixed, provider, last: Mutex::default() }
    }

    pub(crate) fn fixed_mut(&mut self) -> &mut HeaderMap {
        &mut self.fixed
    }

    pub(crate) fn set_provider(&mut self, provider: Option<Arc<dyn HeaderProvider>>) {
        self.provider = provider;
    }

    /// Whether asking again may give other headers.
    pub(crate) fn can_renew(&self) -> bool {
        self.provider.is_some()
    }

    /// The headers of one attempt.
    ///
    /// # Errors
    /// If the provider has none.
    pub(crate) async fn headers(&self, ask: Ask) -> Result<HeaderMap, ExportError> {
        let Some(provider) = &self.provider else { return Ok(self.fixed.clone()) };
        let failed = |e: &dyn fmt::Display| ExportError::retryable(format!("no headers to send: {e}"));
        let provided = provider.headers(ask).await.map_err(|e| failed(&e))?;
        let provided = provided.to_map().map_err(|e| failed(&e))?;
        let mut all = self.fixed.clone();
        for (name, value) in &provided {
            all.insert(name, value.clone());
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = provided;
        Ok(all)
    }

    /// Takes out of a text what a receiver may have repeated of our secrets: headers, and the query of the URL.
    pub(crate) fn scrub(&self, uri: &Uri, mut text: String) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let query = uri.query().map(str::as_bytes);
        let values = self.fixed.values().chain(last.values());
        let secrets = values.filter(|v| v.is_sensitive()).map(HeaderValue::as_bytes);
        for secret in secrets.chain(query).filter_map(|v| std::str::from_utf8(v).ok()) {
            // `Bearer TOKEN` and `key=TOKEN` must not show the token alone either.
            let tail = secret.rsplit([' ', '=']).next().unwrap_or(secret);
            // Shorter ones protect nothing, and taking them out would garble the message.
            for part in [secret, tail].into_iter().filter(|p| p.len() >= 4) {
                text = text.replace(part, "[redacted]");
            }
        }
        text
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fixed.keys()).finish()?;
        if self.provider.is_some() { f.write_str(" and those of a provider") } else { Ok(()) }
    }
}
