//! Hands a mail to the server.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use trace_core::signal::{Delivered, Notification, Notifier, NotifyError};

use super::config::{Checked, EmailConfig, EmailTls, error};
use super::content::message;
use crate::ConfigError;
use crate::channel::text::one_line;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the goodbye may take: the mail is accepted already.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Characters of a server's words that are kept.
const MAX_REPLY: usize = 200;

/// Mails to one recipient.
pub struct EmailNotifier {
    name: String,
    server: (String, u16),
    tls: EmailTls,
    parameters: Option<TlsParameters>,
    hello: ClientId,
    credentials: Option<Credentials>,
    from: Mailbox,
    to: Mailbox,
}

impl EmailNotifier {
    /// One notifier for each recipient. Does not connect yet.
    ///
    /// # Errors
    /// Unusable settings, by name; among them no recipient (`alerting.notifications.email.toAddresses`).
    pub fn for_recipients(config: &EmailConfig) -> Result<Vec<Self>, ConfigError> {
        let Checked { host, port, tls, from, to, hello } = config.check()?;
        let parameters = match tls {
            EmailTls::None => None,
            EmailTls::Starttls | EmailTls::Implicit => Some(parameters(config, &host)?),
        };
        let credentials = match (&config.username, &config.password) {
            (Some(user), Some(password)) => {
                Some(Credentials::new(user.clone(), password.reveal().to_owned()))
            }
            _ => None,
        };
        let several = to.len() > 1;
        let notifier = |to: Mailbox| Self {
            name: if several { format!("{}:{}", config.name, to.email) } else { config.name.clone() },
            server: (host.clone(), port),
            tls,
            parameters: parameters.clone(),
            hello: ClientId::Domain(hello.clone()),
            credentials: credentials.clone(),
            from: from.clone(),
            to,
        };
        Ok(to.into_iter().map(notifier).collect())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, NotifyError> {
        let implicit = self.parameters.clone().filter(|_| self.tls == EmailTls::Implicit);
        let server = (self.server.0.as_str(), self.server.1);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &self.hello, implicit, None)
                .await
                .map_err(|e| before("connect", &e))?;
        if let Some(parameters) = self.parameters.clone().filter(|_| self.tls == EmailTls::Starttls) {
            connection.starttls(parameters, &self.hello).await.map_err(|e| before("STARTTLS", &e))?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await.map_err(|e| before("AUTH", &e))?;
        }
        Ok(connection)
    }
}

#[async_trait]
impl Notifier for EmailNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    async fn notify(&self, notification: &Notification) -> Result<Delivered, NotifyError> {
        let (message, id) = message(notification, &self.from, &self.to, SystemTime::now())?;
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![self.to.email.clone()])
            .map_err(|e| NotifyError::permanent(format!("email: {e}")))?;
        let mut connection = self.connect().await?;
        connection.send(&envelope, &message.formatted()).await.map_err(|e| during(&e))?;
        // The server has the mail; how it says goodbye changes nothing.
        let _ = tokio::time::timeout(QUIT_TIMEOUT, connection.abort()).await;
        Ok(Delivered { message_id: Some(id) })
    }
}

type SmtpError = lettre::transport::smtp::Error;

/// An error before the mail was handed over.
fn before(step: &str, error: &SmtpError) -> NotifyError {
    let message = format!("email: {step}: {}", words(error));
    // A client error is a disagreement about capabilities: no STARTTLS, no known AUTH mechanism.
    if error.is_permanent() || error.is_client() {
        NotifyError::Permanent { message }
    } else {
        NotifyError::Transient { message, retry_after: None }
    }
}

/// An error while the mail was handed over.
fn during(error: &SmtpError) -> NotifyError {
    let message = format!("email: {}", words(error));
    if error.is_permanent() || error.is_client() {
        NotifyError::Permanent { message }
    } else if error.is_transient() {
        NotifyError::Transient { message, retry_after: None }
    } else {
        NotifyError::Unknown { message }
    }
}

fn words(error: &SmtpError) -> String {
    one_line(&error.to_string()).chars().take(MAX_REPLY).collect()
}

fn parameters(config: &EmailConfig, host: &str) -> Result<TlsParameters, ConfigError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.ca_file {
        let wrong = |why: String| error("caFile", format!("{}: {why}", path.display()));
        let pem = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|e| wrong(e.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|e| error("tls", e.to_string()))
}

impl std::fmt::Debug for EmailNotifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailNotifier")
            .field("name", &self.name)
            .field("server", &self.server)
            .field("tls", &self.tls)
            .field("to", &self.to.email.to_string())
            .finish_non_exhaustive()
    }
}
