//! Where to post.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ConfigError, Secret, duration_text};

/// Settings of a [`SlackNotifier`](super::SlackNotifier).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlackConfig {
    /// `https://hooks.slack.com/services/...`. Plain `http` only to a loopback address.
    #[serde(alias = "webhook_url")]
    pub webhook_url: Secret,
    /// The channel, such as `#monitoring`. **Works with the older custom-integration webhooks only**: a webhook of
    /// a Slack app posts to the channel that was chosen at its installation, and ignores this.
    #[serde(default)]
    pub channel: Option<String>,
    /// The name in routes and records. Default `slack`.
    #[serde(default = "default_name")]
    pub name: String,
    /// How long a request may take. Default 10 s.
    #[serde(default = "default_timeout", with = "duration_text")]
    pub timeout: Duration,
    /// The shortest time between two messages, after a burst of three. Default 1 s: Slack's limit.
    #[serde(default = "default_interval", alias = "min_interval", with = "duration_text")]
    pub min_interval: Duration,
}

fn default_name() -> String {
    "slack".to_owned()
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_interval() -> Duration {
    Duration::from_secs(1)
}

impl SlackConfig {
    /// Posts to this webhook, with defaults.
    pub fn new(webhook_url: impl Into<String>) -> Self {
        Self {
            webhook_url: Secret::from(webhook_url.into()),
            channel: None,
            name: default_name(),
            timeout: default_timeout(),
            min_interval: default_interval(),
        }
    }

    /// The URL, checked.
    ///
    /// # Errors
    /// A URL that is absent, malformed, or not encrypted and not local. The message does not show it.
    pub(super) fn url(&self) -> Result<reqwest::Url, ConfigError> {
        let wrong = |problem: &str| ConfigError::new("alerting.notifications.slack.webhookUrl", problem);
        if self.webhook_url.is_empty() {
            return Err(wrong("is empty: set it, or SLACK_WEBHOOK_URL"));
        }
        let url: reqwest::Url = self
            .webhook_url
            .reveal()
            .trim()
            .parse()
            .map_err(|_| wrong("is not a URL: it looks like https://hooks.slack.com/services/..."))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" => Ok(url),
            "http" if local => Ok(url),
            "http" => Err(wrong("must be https: the URL is a secret")),
            _ => Err(wrong("must begin with https://")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_shows_in_no_error_and_no_debug() {
        for bad in ["", "T0/B0/s3cret", "ftp://s3cret", "http://hooks.slack.com/s3cret"] {
            let config = SlackConfig::new(bad);
            let error = config.url().unwrap_err().to_string();
            assert!(error.starts_with("alerting.notifications.slack.webhookUrl: "), "{error}");
            assert!(!error.contains("s3cret") && !format!("{config:?}").contains("s3cret"));
        }
        assert!(SlackConfig::new("https://hooks.slack.com/services/T0/B0/x").url().is_ok());
        assert!(SlackConfig::new("http://[::1]:8080/x").url().is_ok());
    }

    #[test]
    fn the_configuration_is_read_in_both_spellings() {
        let camel: SlackConfig =
            serde_json::from_str(r##"{"webhookUrl":"https://h/x","channel":"#monitoring"}"##).unwrap();
        let snake: SlackConfig =
            serde_json::from_str(r##"{"webhook_url":"https://h/x","channel":"#monitoring"}"##).unwrap();
        assert_eq!(camel, snake);
        assert_eq!(camel.min_interval, Duration::from_secs(1));
    }
}
