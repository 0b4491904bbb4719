//! E-mail over SMTP (RFC 5321), with STARTTLS or implicit TLS and AUTH.
//!
//! Every recipient is a channel of its own, in its own transaction: a mailbox that is full or refused neither holds
//! nor hides the others, and each has its own retry state and line in the record. With several recipients their
//! names are `email:ADDRESS`, and a route to `email` means all.
//!
//! The `Message-ID` comes from the idempotency key, so a retry after a lost answer is a duplicate that mail
//! programs recognise. All mail of a group refers to one invented root message and forms one thread.

mod config;
mod content;
mod html;
mod notifier;

pub use config::{EmailConfig, EmailTls};
pub use notifier::EmailNotifier;
