//! Which server, from whom, to whom.

use std::net::IpAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use crate::{ConfigError, Secret};

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmailTls {
    /// Plain first, then encrypted (RFC 3207); a server that can not is refused. The default, but for port 465.
    Starttls,
    /// Encrypted from the first byte (RFC 8314). The default for port 465.
    #[serde(alias = "tls", alias = "ssl")]
    Implicit,
    /// Not encrypted. A password is sent to a loopback address only, unless allowed.
    None,
}

/// Settings of [`EmailNotifier`](super::EmailNotifier)s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailConfig {
    /// `host:port`. Without a port: 587, 465 for implicit TLS, 25 for none.
    #[serde(alias = "smtp_server")]
    pub smtp_server: String,
    /// The sender, such as `MPLP <monitoring@mplp.dev>`.
    #[serde(alias = "from_address")]
    pub from_address: String,
    /// The recipients.
    #[serde(default, alias = "to_addresses")]
    pub to_addresses: Vec<String>,
    /// The name to log in with. No login if absent.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Option<EmailTls>,
    /// A PEM file of certificates to trust besides Mozilla's roots.
    #[serde(default, alias = "ca_file")]
    pub ca_file: Option<PathBuf>,
    /// Our name in EHLO. Default: the domain of `fromAddress`; some servers refuse `localhost`.
    #[serde(default, alias = "hello_name")]
    pub hello_name: Option<String>,
    /// Sends the password over an unencrypted connection to any host.
    #[serde(default, alias = "allow_plain_auth")]
    pub allow_plain_auth: bool,
    /// The name in routes and records. Default `email`.
    #[serde(default = "default_name")]
    pub name: String,
}

fn default_name() -> String {
    "email".to_owned()
}

/// The settings, checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: EmailTls,
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
    pub(super) hello: String,
}

impl EmailConfig {
    /// Mail through this server, from and to these addresses, with defaults.
    pub fn new<S: Into<String>>(
        smtp_server: impl Into<String>,
        from_address: impl Into<String>,
        to_addresses: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            smtp_server: smtp_server.into(),
            from_address: from_address.into(),
            to_addresses: to_addresses.into_iter().map(Into::into).collect(),
            username: None,
            password: None,
            tls: None,
            ca_file: None,
            hello_name: None,
            allow_plain_auth: false,
            name: default_name(),
        }
    }

    pub(super) fn check(&self) -> Result<Checked, ConfigError> {
        let (host, port) = host_port(&self.smtp_server).ok_or_else(|| {
            error(
                "smtpServer",
                format!("{:?} is not HOST:PORT, such as smtp.example.org:587", self.smtp_server),
            )
        })?;
        let tls = self.tls.unwrap_or(if port == Some(465) { EmailTls::Implicit } else { EmailTls::Starttls });
        let port = port.unwrap_or(match tls {
            EmailTls::Starttls => 587,
            EmailTls::Implicit => 465,
            EmailTls::None => 25,
        });
        let from = mailbox("fromAddress", &self.from_address)?;
        if self.to_addresses.is_empty() {
            return Err(error("toAddresses", "no recipient: list at least one address"));
        }
        let to = self.to_addresses.iter().enumerate();
        let to: Vec<Mailbox> =
            to.map(|(n, text)| mailbox(&format!("toAddresses[{n}]"), text)).collect::<Result<_, _>>()?;
        if self.username.is_some() != self.password.is_some() {
            return Err(error("username", "username and password must be set together"));
        }
        if self.username.is_some() && tls == EmailTls::None && !self.allow_plain_auth && !is_loopback(&host) {
            let problem = "the password would cross the network in the clear: use starttls or implicit, or set \
                allowPlainAuth";
            return Err(error("tls", problem));
        }
        let hello = self.hello_name.clone().unwrap_or_else(|| from.email.domain().to_owned());
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if hello.is_empty() || !hello.bytes().all(ok) {
            return Err(error("helloName", format!("{hello:?} is not a host name")));
        }
        Ok(Checked { host, port, tls, from, to, hello })
    }
}

pub(super) fn error(field: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError::new(format!("alerting.notifications.email.{field}"), problem)
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, ConfigError> {
    text.trim().parse().map_err(|e| error(field, format!("{text:?} is not an address: {e}")))
}

/// `host`, `host:port`, `1.2.3.4:port` or `[::1]:port`.
fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.trim();
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((host.to_owned(), None)),
            _ => Some((host.to_owned(), Some(rest.strip_prefix(':')?.parse().ok()?))),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|p| *p != 0)?)),
        None => (text, None),
    };
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (!host.is_empty() && host.bytes().all(ok)).then(|| (host.to_owned(), port))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EmailConfig {
        EmailConfig::new("smtp.example.org:587", "MPLP <monitoring@mplp.dev>", ["ops@example.org"])
    }

    #[test]
    fn without_recipients_the_error_names_the_setting() {
        let text = r#"{"smtpServer":"localhost:587","fromAddress":"monitoring@mplp.dev"}"#;
        let seed: EmailConfig = serde_json::from_str(text).unwrap();
        let error = seed.check().unwrap_err();
        assert_eq!(error.path, "alerting.notifications.email.toAddresses");
        assert!(error.problem.starts_with("no recipient"), "{error}");
    }

    #[test]
    fn servers_are_read_in_every_common_form() {
        let read = |server: &str| {
            let checked = EmailConfig { smtp_server: server.to_owned(), ..config() }.check();
            checked.map(|c| (c.host, c.port, c.tls)).map_err(|e| e.path)
        };
        assert_eq!(read("mx.org:2525"), Ok(("mx.org".to_owned(), 2525, EmailTls::Starttls)));
        assert_eq!(read("mx.org:465"), Ok(("mx.org".to_owned(), 465, EmailTls::Implicit)));
        assert_eq!(read("mx.org"), Ok(("mx.org".to_owned(), 587, EmailTls::Starttls)));
        assert_eq!(read("[::1]:25"), Ok(("::1".to_owned(), 25, EmailTls::Starttls)));
        for bad in ["", ":25", "smtp://mx.org", "mx.org:0", "mx.org:x", "a b:25", "::1"] {
            assert_eq!(read(bad), Err("alerting.notifications.email.smtpServer".to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_password_does_not_cross_the_network_in_the_clear() {
        let plain = EmailConfig {
            tls: Some(EmailTls::None),
            username: Some("u".into()),
            password: Some("hunter2".into()),
            ..config()
        };
        assert_eq!(plain.check().unwrap_err().path, "alerting.notifications.email.tls");
        assert!(!format!("{plain:?}").contains("hunter2"));
        let local = EmailConfig { smtp_server: "127.0.0.1:2525".into(), ..plain.clone() };
        assert!(local.check().is_ok());
        assert!(EmailConfig { allow_plain_auth: true, ..plain }.check().is_ok());
    }

    #[test]
    fn addresses_with_line_breaks_are_refused() {
        let bad = EmailConfig { to_addresses: vec!["ops@x.org\r\nBcc: e@x.org".into()], ..config() };
        assert_eq!(bad.check().unwrap_err().path, "alerting.notifications.email.toAddresses[0]");
    }
}
