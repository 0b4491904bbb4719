//! Who is told of what.

use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use trace_core::model::{AlertKind, Severity, SeverityFilter};

use super::channel::{EmailConfig, SlackConfig, recipients};
use super::duration::Length;
use super::mail::MailAddress;
use super::section::Section;
use super::tracing::ConsoleConfig;

/// `alerting`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertingConfig {
    /// Whether people are told; true by default.
    pub enabled: bool,
    /// `deduplicationWindow`: how long a repeated alert is not told again, such as `5m`, which is the default.
    #[serde(serialize_with = "super::duration::as_text")]
    pub deduplication_window: Duration,
    /// The channels.
    pub notifications: NotificationsConfig,
    /// Which alerts go to which channels. Without routes, every alert goes to every channel.
    pub routes: Vec<RouteConfig>,
}

/// `alerting.notifications`: what is `None` is off. A channel is on if its section is there without `enabled: false`
/// (Slack also if `SLACK_WEBHOOK_URL` is set) and it has what it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationsConfig {
    /// Slack.
    pub slack: Option<SlackConfig>,
    /// E-mail.
    pub email: Option<EmailConfig>,
    /// Alerts as text on the terminal.
    pub console: Option<ConsoleConfig>,
}

/// One of `alerting.routes`: alerts that match go to the channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteConfig {
    /// `severity`: the severities that match, in the file as `high`, `medium,high` or `>=medium`; all by default.
    #[serde(rename = "severity", serialize_with = "comma_list")]
    pub severities: Vec<Severity>,
    /// The types that match, such as `workflow_execution_failed`; all if empty.
    pub types: Vec<AlertKind>,
    /// Where they go. At least one.
    pub channels: Vec<Channel>,
    /// `toAddresses`: the recipients of the mails of this route; those of the channel if empty.
    pub to_addresses: Vec<MailAddress>,
    /// The Slack channel of this route; that of the channel if `None`.
    pub slack_channel: Option<String>,
}

/// The name of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Channel {
    /// `slack`.
    Slack,
    /// `email`.
    Email,
    /// `console`.
    Console,
}

impl Channel {
    const NAMES: [(&str, Self); 3] =
        [("slack", Self::Slack), ("email", Self::Email), ("console", Self::Console)];

    /// The name in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Console => "console",
        }
    }
}

const DEDUPLICATION_WINDOW: Duration = Duration::from_secs(300);

impl Default for AlertingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            deduplication_window: DEDUPLICATION_WINDOW,
            notifications: NotificationsConfig::default(),
            routes: Vec::new(),
        }
    }
}

impl AlertingConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let routes = s.sections("routes", |s| (RouteConfig::read(s), s.path().to_owned()));
        let mail_routed = routes.iter().any(|(r, _)| r.uses(Channel::Email) && !r.to_addresses.is_empty());
        let config = Self {
            enabled: s.enabled_or(true),
            deduplication_window: s
                .field("deduplicationWindow")
                .parse::<Length>()
                .map_or(DEDUPLICATION_WINDOW, |length| length.0),
            notifications: s.section("notifications", |s| NotificationsConfig::read(s, mail_routed)),
            routes: Vec::new(),
        };
        for (route, path) in &routes {
            config.notifications.check(route, path, s);
        }
        Self { routes: routes.into_iter().map(|(route, _)| route).collect(), ..config }
    }
}

impl NotificationsConfig {
    fn read(s: &Section<'_>, mail_routed: bool) -> Self {
        Self {
            slack: s.section("slack", SlackConfig::read),
            email: s.section("email", |s| EmailConfig::read(s, mail_routed)),
            console: s.section("console", |s| ConsoleConfig::read(s, false)),
        }
    }

    /// Whether the channel is on.
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Slack => self.slack.is_some(),
            Channel::Email => self.email.is_some(),
            Channel::Console => self.console.is_some(),
        }
    }

    /// Warns of a route that leads nowhere.
    fn check(&self, route: &RouteConfig, path: &str, s: &Section<'_>) {
        for channel in route.channels.iter().filter(|c| !self.has(**c)) {
            s.warn_at(path, format!("leads to {}, which is off", channel.as_str()));
        }
        let no_recipient = self.email.as_ref().is_some_and(|email| email.to_addresses.is_empty());
        if no_recipient && route.uses(Channel::Email) && route.to_addresses.is_empty() {
            s.warn_at(path, "leads to email without a recipient: set toAddresses here or at the channel");
        }
    }
}

impl RouteConfig {
    fn read(s: &Section<'_>) -> Self {
        let severity = s.field("severity").parse::<Severities>().map_or(SeverityFilter::default(), |f| f.0);
        let channels = s.list("channels");
        if channels.as_ref().is_none_or(Vec::is_empty) {
            s.missing("channels", "where the alerts go, such as [slack, email]");
        }
        Self {
            severities: Severity::ALL.into_iter().filter(|v| severity.matches(*v)).collect(),
            types: s
                .list("types")
                .unwrap_or_default()
                .iter()
                .filter_map(|f| f.text())
                .map(|name| AlertKind::from(name.as_str()))
                .collect(),
            channels: channels.unwrap_or_default().iter().filter_map(|f| f.one_of(&Channel::NAMES)).collect(),
            to_addresses: recipients(s),
            slack_channel: s.field("slackChannel").text(),
        }
    }

    fn uses(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
    }
}

/// A severity filter whose error says only what is allowed: the text itself may come from a secret variable.
struct Severities(SeverityFilter);

#[derive(Debug, thiserror::Error)]
#[error("info, low, medium, high, critical, a list such as medium,high, or a bound such as >=medium")]
struct SeveritiesError;

impl FromStr for Severities {
    type Err = SeveritiesError;

    fn from_str(text: &str) -> Result<Self, SeveritiesError> {
        text.parse().map(Self).map_err(|_| SeveritiesError)
    }
}

fn comma_list<S: Serializer>(severities: &[Severity], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&severities.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(","))
}
