//! Mail to a real SMTP server library. Needs `MPLP_PEER_SMTP` (host:port), `MPLP_PEER_SMTP_CA` (PEM file) and
//! `MPLP_PEER_SMTP_DUMP` (JSON-lines file of the messages that it took); user `alerts`, password `s3cret`.
#![cfg(feature = "email")]

mod support;

use support::{alert, dumped, notification, peer, unique};
use trace_alerting::channel::email::{EmailConfig, EmailNotifier};
use trace_core::model::{Alert, AlertStatus};
use trace_core::signal::{Notifier, NotifyError};

const NAMES: [&str; 3] = ["MPLP_PEER_SMTP", "MPLP_PEER_SMTP_CA", "MPLP_PEER_SMTP_DUMP"];

fn config(server: &str, ca: &str) -> EmailConfig {
    let mut config = EmailConfig::new(
        server,
        "MPLP <monitoring@mplp.dev>",
        ["ops@example.org", "Dev Team <dev@example.org>"],
    );
    config.username = Some("alerts".into());
    config.password = Some("s3cret".into());
    config.ca_file = Some(ca.into());
    config
}

#[tokio::test]
async fn mail_over_starttls_and_auth_arrives_as_it_was_meant() {
    let test = "mail_over_starttls_and_auth_arrives_as_it_was_meant";
    let Some([server, ca, dump]) = peer(test, NAMES) else { return };
    let notifiers = EmailNotifier::for_recipients(&config(&server, &ca)).unwrap();
    assert_eq!(
        notifiers.iter().map(Notifier::name).collect::<Vec<_>>(),
        ["email:ops@example.org", "email:dev@example.org"]
    );
    let mark = unique();
    let firing = Alert { message: format!("{mark} über <b>\r\nBcc: evil@example.org"), ..alert() };
    let mut first = notification(vec![firing.clone()]);
    first.idempotency_key = format!("{mark}-1");
    let mut second = notification(vec![Alert { status: AlertStatus::Resolved, ..firing }]);
    second.idempotency_key = format!("{mark}-2");
    for n in [&first, &second] {
        for notifier in &notifiers {
            let delivered = notifier.notify(n).await.unwrap();
            assert_eq!(delivered.message_id, Some(format!("<{}@mplp.dev>", n.idempotency_key)));
        }
    }
    let mails = dumped(&dump, |line| line["headers"].to_string().contains(&mark)).await;
    assert_eq!(mails.len(), 4, "one transaction for each recipient and notification");
    for mail in &mails {
        assert_eq!(mail["mail_from"], "monitoring@mplp.dev");
        assert_eq!(mail["rcpt_tos"].as_array().map(Vec::len), Some(1));
        assert_eq!(mail["auth_user"], "alerts");
        assert_eq!(mail["tls"], true);
        let headers = &mail["headers"];
        assert_eq!(headers["auto-submitted"], "auto-generated");
        assert!(headers["bcc"].is_null());
        assert!(headers["content-type"].as_str().unwrap().starts_with("multipart/alternative"));
        assert_eq!(headers["references"], headers["in-reply-to"]);
        assert_eq!(headers["references"], mails[0]["headers"]["references"], "one thread");
        assert!(mail["text"].as_str().unwrap().contains(&format!("{mark} über <b>")));
        assert!(mail["html"].as_str().unwrap().contains(&format!("{mark} über &lt;b&gt;")));
    }
    assert_eq!(mails[0]["rcpt_tos"][0], "ops@example.org");
    assert_eq!(mails[0]["headers"]["message-id"], format!("<{mark}-1@mplp.dev>"));
    assert!(mails[0]["headers"]["subject"].as_str().unwrap().starts_with("[FIRING] critical checkout: "));
    assert!(mails[3]["headers"]["subject"].as_str().unwrap().starts_with("[RESOLVED] critical checkout: "));
}

#[tokio::test]
async fn a_wrong_password_stays_wrong_and_is_not_shown() {
    let Some([server, ca, _]) = peer("a_wrong_password_stays_wrong_and_is_not_shown", NAMES) else { return };
    let wrong = EmailConfig { password: Some("letmein".into()), ..config(&server, &ca) };
    let notifiers = EmailNotifier::for_recipients(&wrong).unwrap();
    let error = notifiers[0].notify(&notification(vec![alert()])).await.unwrap_err();
    assert!(matches!(&error, NotifyError::Permanent { message } if message.contains("AUTH")), "{error:?}");
    assert!(!format!("{error:?} {:?}", notifiers[0]).contains("letmein"));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let test = "a_certificate_of_an_unknown_authority_is_refused";
    let Some([server, ca, _]) = peer(test, NAMES) else { return };
    let strict = EmailConfig { ca_file: None, ..config(&server, &ca) };
    let notifiers = EmailNotifier::for_recipients(&strict).unwrap();
    let error = notifiers[0].notify(&notification(vec![alert()])).await.unwrap_err();
    assert!(
        matches!(&error, NotifyError::Transient { message, .. } if message.contains("STARTTLS")),
        "{error:?}"
    );
}
