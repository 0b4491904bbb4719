//! How the engine and the router behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ConfigError, RetryConfig, duration_text};

/// Limits and times of alerting. Every field has a default; names are read in camel and in snake case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AlertConfig {
    /// Alerts that wait to be looked at; further ones are refused. Default 10 000.
    #[serde(alias = "queue_capacity")]
    pub queue_capacity: usize,
    /// Alerts that are remembered as firing. When it is full, the longest silent one that everybody was told of
    /// is forgotten (and counted): a later resolve of it tells nobody. Default 10 000.
    #[serde(alias = "max_alerts")]
    pub max_alerts: usize,
    /// Records of alerts that are over. Default 10 000.
    #[serde(alias = "records_capacity")]
    pub records_capacity: usize,
    /// Notifications that wait for one channel. When it is full, the least severe one that resolves nothing is
    /// given up. Default 1000.
    #[serde(alias = "outbox_capacity")]
    pub outbox_capacity: usize,
    /// The same alert again within this time is counted, not told. Default 5 min.
    #[serde(alias = "dedup_window", with = "duration_text")]
    pub dedup_window: Duration,
    /// Labels whose values divide alerts into groups, where a route does not say. `type` is the kind of the alert;
    /// `...` gives every alert its own group. Tenants are never mixed. Default `type`, `service`.
    #[serde(alias = "group_by")]
    pub group_by: Vec<String>,
    /// How long the first alert of a group waits for others. Default 500 ms.
    #[serde(alias = "group_wait", with = "duration_text")]
    pub group_wait: Duration,
    /// The shortest time between two notifications of a group, except for a rise in severity. Default 10 s.
    #[serde(alias = "group_interval", with = "duration_text")]
    pub group_interval: Duration,
    /// An attempt that takes longer is dropped; its outcome counts as unknown. Default 15 s.
    #[serde(alias = "attempt_timeout", with = "duration_text")]
    pub attempt_timeout: Duration,
    /// How long `Drop` waits for deliveries. Default 5 s.
    #[serde(alias = "shutdown_timeout", with = "duration_text")]
    pub shutdown_timeout: Duration,
    /// How a failed attempt is repeated.
    pub retry: RetryConfig,
    /// Makes jitter and idempotency keys repeatable. For tests; absent means random.
    pub seed: Option<u64>,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            queue_capacity: 10_000,
            max_alerts: 10_000,
            records_capacity: 10_000,
            outbox_capacity: 1_000,
            dedup_window: Duration::from_secs(300),
            group_by: vec!["type".to_owned(), "service".to_owned()],
            group_wait: Duration::from_millis(500),
            group_interval: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(15),
            shutdown_timeout: Duration::from_secs(5),
            retry: RetryConfig::default(),
            seed: None,
        }
    }
}

impl AlertConfig {
    /// Checks what types can not.
    ///
    /// # Errors
    /// A capacity or a timeout of zero, and unusable retry settings.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let capacities = [
            ("queueCapacity", self.queue_capacity),
            ("maxAlerts", self.max_alerts),
            ("recordsCapacity", self.records_capacity),
            ("outboxCapacity", self.outbox_capacity),
        ];
        for (name, value) in capacities {
            // tokio's bounded channels panic above `usize::MAX >> 3`; no one needs a tenth of this either.
            if value == 0 || value > 100_000_000 {
                return Err(ConfigError::new(format!("alerting.{name}"), "must be 1 to 100000000"));
            }
        }
        if self.attempt_timeout.is_zero() {
            return Err(ConfigError::new("alerting.attemptTimeout", "must be over 0"));
        }
        self.retry.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_in_camel_and_snake_case() {
        let camel: AlertConfig =
            serde_json::from_str(r#"{"dedupWindow":"1m","retry":{"maxAttempts":3}}"#).unwrap();
        let snake: AlertConfig =
            serde_json::from_str(r#"{"dedup_window":60000,"retry":{"max_attempts":3}}"#).unwrap();
        assert_eq!(camel, snake);
        assert_eq!(camel.dedup_window, Duration::from_secs(60));
        assert_eq!(camel.group_interval, AlertConfig::default().group_interval);
        assert!(serde_json::from_str::<AlertConfig>(r#"{"dedupWindw":"1m"}"#).is_err());
    }

    #[test]
    fn zero_sizes_are_refused_by_name() {
        let config = AlertConfig { outbox_capacity: 0, ..AlertConfig::default() };
        assert_eq!(config.validate().unwrap_err().path, "alerting.outboxCapacity");
    }
}
