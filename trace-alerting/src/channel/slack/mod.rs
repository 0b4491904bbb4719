//! Slack incoming webhooks.
//!
//! An app's webhook belongs to one channel; only the older "custom integration" webhooks obey
//! [`SlackConfig::channel`]. The URL is the secret: whoever has it can post. It is in no error, log or `Debug`.

mod config;
mod escape;
mod notifier;
mod pace;
mod payload;
mod reply;

pub use config::SlackConfig;
pub use notifier::SlackNotifier;
pub use payload::payload;
