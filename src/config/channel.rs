//! The channels that tell people.

use serde::Serialize;

use super::endpoint::Endpoint;
use super::mail::{MailAddress, SmtpServer};
use super::secret::Secret;
use super::section::Section;

/// `alerting.notifications.slack`: an incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlackConfig {
    /// Who has it can post. Else `SLACK_WEBHOOK_URL`.
    pub webhook_url: Secret,
    /// The channel, such as `#monitoring`. Only webhooks of old custom integrations heed it: for others the channel
    /// was chosen when the app was installed.
    pub channel: Option<String>,
}

/// `alerting.notifications.email`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailConfig {
    /// Where mail is handed over. Else `SMTP_SERVER`.
    pub smtp_server: SmtpServer,
    /// The sender.
    pub from_address: MailAddress,
    /// The recipients of alerts whose route names none. Empty only if routes name them.
    pub to_addresses: Vec<MailAddress>,
    /// The account, if the server wants one. There if and only if `password` is.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// How the connection is protected; by default `implicit` on port 465, else `starttls`.
    pub tls: SmtpTls,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Begins in the clear and must switch to TLS (RFC 3207).
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// No TLS.
    None,
}

const SUBMISSIONS_PORT: u16 = 465;

impl SlackConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let url = s.field("webhookUrl").env("SLACK_WEBHOOK_URL");
        let on = s.enabled_or(url.present());
        let channel = s.field("channel").text();
        if !on {
            return None;
        }
        let Some(webhook_url) = url.secret() else {
            s.warn("no webhook URL: set webhookUrl or SLACK_WEBHOOK_URL; the channel is off");
            return None;
        };
        match webhook_url.expose().parse::<Endpoint>() {
            Err(allowed) => url.error(format!("is not a webhook URL; allowed: {allowed}")),
            Ok(endpoint) if endpoint.is_open_to_others() => {
                url.error("must begin with https://: the URL is a secret, and http shows it on the way");
            }
            Ok(_) => return Some(Self { webhook_url, channel }),
        }
        None
    }
}

impl EmailConfig {
    /// Reads the channel. `routed`: whether a route to this channel names recipients of its own.
    pub(super) fn read(s: &Section<'_>, routed: bool) -> Option<Self> {
        let on = s.enabled_or(false);
        let server = s.field("smtpServer").env("SMTP_SERVER");
        let from = s.field("fromAddress");
        let to_addresses = recipients(s);
        let username = s.field("username").text();
        let password = s.field("password").secret();
        let tls = s.field("tls").one_of(&[
            ("starttls", SmtpTls::Starttls),
            ("implicit", SmtpTls::Implicit),
            ("none", SmtpTls::None),
        ]);
        if !on {
            return None;
        }
        if username.is_some() != password.is_some() {
            s.error("has only one of username and password: give both or none");
        }
        if !from.present() {
            s.missing("fromAddress", "the sender, such as monitoring@example.org");
        }
        if !server.present() {
            s.warn("no mail server: set smtpServer or SMTP_SERVER; the channel is off");
        }
        if to_addresses.is_empty() && !routed {
            s.warn("no recipient: set toAddresses; the channel is off");
            return None;
        }
        let (server, from) = (server.parse::<SmtpServer>(), from.parse::<MailAddress>());
        let (smtp_server, from_address) = (server?, from?);
        let tls = tls.unwrap_or(match smtp_server.port {
            SUBMISSIONS_PORT => SmtpTls::Implicit,
            _ => SmtpTls::Starttls,
        });
        if tls == SmtpTls::None && password.is_some() && !smtp_server.is_loopback() {
            s.error("would send the password in the clear: set tls to starttls or implicit");
        }
        Some(Self { smtp_server, from_address, to_addresses, username, password, tls })
    }
}

/// `toAddresses`: a list, or one text with commas.
pub(super) fn recipients(s: &Section<'_>) -> Vec<MailAddress> {
    s.list("toAddresses").unwrap_or_default().into_iter().filter_map(|field| field.parse()).collect()
}
