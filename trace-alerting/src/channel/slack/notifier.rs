//! Posts to the webhook.

use async_trait::async_trait;
use reqwest::header::RETRY_AFTER;
use trace_core::model::Timestamp;
use trace_core::signal::{Delivered, Notification, Notifier, NotifyError};

use super::config::SlackConfig;
use super::pace::Pace;
use super::payload::payload;
use super::reply;
use crate::ConfigError;

/// Bytes of an answer that are read.
const MAX_REPLY: usize = 4_096;

/// Posts notifications to one webhook, not faster than Slack allows.
pub struct SlackNotifier {
    name: String,
    url: reqwest::Url,
    channel: Option<String>,
    client: reqwest::Client,
    pace: Pace,
}

impl SlackNotifier {
    /// A notifier for this webhook. Does not connect yet.
    ///
    /// # Errors
    /// An unusable URL; the message does not show it.
    pub fn new(config: &SlackConfig) -> Result<Self, ConfigError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(config.timeout)
            .user_agent(concat!("mplp-trace/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| ConfigError::new("alerting.notifications.slack", format!("no HTTP client: {e}")))?;
        Ok(Self {
            name: config.name.clone(),
            url: config.url()?,
            channel: config.channel.clone(),
            client,
            pace: Pace::new(config.min_interval),
        })
    }
}

#[async_trait]
impl Notifier for SlackNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    async fn notify(&self, notification: &Notification) -> Result<Delivered, NotifyError> {
        let body = payload(notification, self.channel.as_deref()).to_string();
        self.pace.turn().await;
        let request =
            self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        let mut response = request.send().await.map_err(|e| lost(&e))?;
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut text = Vec::new();
        while text.len() < MAX_REPLY
            && let Some(chunk) = response.chunk().await.map_err(|e| lost(&e))?
        {
            text.extend_from_slice(&chunk);
        }
        text.truncate(MAX_REPLY);
        reply::read(status, header.as_deref(), &String::from_utf8_lossy(&text), Timestamp::now())
    }
}

/// An exchange that broke. The error's own text holds the URL, so it is put in words here.
fn lost(error: &reqwest::Error) -> NotifyError {
    if error.is_connect() {
        NotifyError::transient(
            "slack: can not connect: check the network, a proxy, and the host of the webhook URL",
        )
    } else if error.is_timeout() {
        NotifyError::unknown("slack: no answer in time")
    } else {
        NotifyError::unknown("slack: the connection broke before the answer was complete")
    }
}

impl std::fmt::Debug for SlackNotifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackNotifier").field("name", &self.name).field("url", &"***").finish_non_exhaustive()
    }
}
