//! Calls of clients that are not tower services.

use std::future::Future;
use std::pin::pin;

use http::{HeaderMap, Method, Request, StatusCode, Uri};

use super::super::error_type::error_name;
use super::super::request_layer::Watched;
use super::super::tracker::Tracker;
use super::super::{Outcome, RequestLayer};
use super::Calls;

impl RequestLayer<Calls> {
    /// Begins a call that some HTTP client is about to make, and writes the trace context into its headers. Works
    /// with every client whose requests have an [`HeaderMap`], such as `reqwest`, `hyper` and `ureq`:
    ///
    /// ```
    /// # use trace_core::{http::client_requests, pipeline::Pipeline};
    /// # struct Client;
    /// # impl Client {
    /// #     async fn execute(&self, _: http::Request<()>) -> Result<http::Response<()>, std::fmt::Error> {
    /// #         Ok(http::Response::new(()))
    /// #     }
    /// # }
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (client, pipeline) = (Client, Pipeline::builder().start()?);
    /// let calls = client_requests(pipeline.recorder().clone());
    ///
    /// let mut request = http::Request::get("http://stock.test/items").body(())?;
    /// let (method, url) = (request.method().clone(), request.uri().to_string());
    /// let call = calls.call(&method, &url, request.headers_mut());
    /// let response = call.run(client.execute(request), |response| response.status()).await?;
    /// # drop(response);
    /// # Ok(())
    /// # }
    /// ```
    pub fn call(&self, method: &Method, url: &str, headers: &mut HeaderMap) -> ClientCall {
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        // A URL that the client understands and `Uri` does not is left out of the span.
        *request.uri_mut() = url.parse::<Uri>().unwrap_or_default();
        *request.headers_mut() = std::mem::take(headers);
        let (mut parts, ()) = request.into_parts();
        let call = ClientCall { tracker: Tracker::start(self, &mut parts) };
        *headers = parts.headers;
        call
    }
}

/// A call under way; see [`ClientLayer::call`](RequestLayer::call). Dropped before its end, it ends as cancelled.
#[must_use = "the call ends when this is dropped"]
pub struct ClientCall {
    tracker: Tracker<Watched<Calls>>,
}

impl ClientCall {
    /// Runs a future under the call's span until it has an answer or an error. The call ends then: for one that lasts
    /// until the response body has been read, let the future read it.
    pub async fn run<T, E>(
        mut self,
        future: impl Future<Output = Result<T, E>>,
        status: impl FnOnce(&T) -> StatusCode,
    ) -> Result<T, E> {
        let mut future = pin!(future);
        let result = std::future::poll_fn(|cx| self.tracker.run(|| future.as_mut().poll(cx))).await;
        self.end(&result, status);
        result
    }

    /// Runs a function under the call's span: for clients that block.
    pub fn run_blocking<T, E>(
        mut self,
        call: impl FnOnce() -> Result<T, E>,
        status: impl FnOnce(&T) -> StatusCode,
    ) -> Result<T, E> {
        let result = self.tracker.run(call);
        self.end(&result, status);
        result
    }

    fn end<T, E>(&mut self, result: &Result<T, E>, status: impl FnOnce(&T) -> StatusCode) {
        match result {
            Ok(answer) => self.tracker.answer(status(answer)),
            Err(_) => self.tracker.end(Outcome::Failed { error_type: error_name::<E>() }),
        }
    }
}

impl std::fmt::Debug for ClientCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCall").finish_non_exhaustive()
    }
}
