//! Channels and routes.

use mplp_trace::config::{Channel, SmtpTls};
use mplp_trace::core::model::{AlertKind, Severity};

use crate::support::{at, load, load_with_warnings, problems};

const NOTIFICATIONS: &str = "alerting.notifications";

fn email(more: &str) -> String {
    at(&format!("{NOTIFICATIONS}.email"), &format!("fromAddress: a@b\ntoAddresses: [c@d]\n{more}"))
}

#[test]
fn a_channel_without_what_it_needs_is_off_and_says_so() {
    let (config, warnings) =
        load_with_warnings(&at(NOTIFICATIONS, "slack: {enabled: true}\nemail: {fromAddress: a@b}"), &[]);
    assert_eq!(config.alerting.notifications.slack, None);
    assert_eq!(config.alerting.notifications.email, None);
    assert_eq!(
        warnings,
        [
            "alerting.notifications.slack: no webhook URL: set webhookUrl or SLACK_WEBHOOK_URL; the channel is off",
            "alerting.notifications.email: no mail server: set smtpServer or SMTP_SERVER; the channel is off",
            "alerting.notifications.email: no recipient: set toAddresses; the channel is off",
        ]
    );
}

#[test]
fn mail_needs_a_sender_and_a_whole_account() {
    let text = at(&format!("{NOTIFICATIONS}.email"), "smtpServer: m\ntoAddresses: c@d\nusername: u");
    assert_eq!(
        problems(&text, &[]),
        [
            "alerting.notifications.email has only one of username and password: give both or none",
            "alerting.notifications.email.fromAddress is missing: the sender, such as monitoring@example.org",
        ]
    );
}

#[test]
fn the_protection_of_mail_follows_from_the_port() {
    for (more, tls, port) in [
        ("smtpServer: m", SmtpTls::Starttls, 587),
        ("smtpServer: m:25", SmtpTls::Starttls, 25),
        ("smtpServer: m:465", SmtpTls::Implicit, 465),
        ("smtpServer: m:25\ntls: none", SmtpTls::None, 25),
        ("smtpServer: localhost:1025\ntls: NONE\nusername: u\npassword: p", SmtpTls::None, 1025),
    ] {
        let found = load(&email(more), &[]).alerting.notifications.email.unwrap();
        assert_eq!((found.tls, found.smtp_server.port), (tls, port), "{more}");
    }
}

#[test]
fn a_password_is_not_sent_in_the_clear_to_another_machine() {
    let found = problems(&email("smtpServer: m:25\ntls: none\nusername: u\npassword: hunter2"), &[]);
    assert_eq!(
        found,
        [
            "alerting.notifications.email would send the password in the clear: set tls to starttls or implicit"
        ]
    );
}

#[test]
fn addresses_that_are_none_are_refused() {
    let found = problems(&email("smtpServer: smtp://m:25").replace("[c@d]", "[c@d, nobody]"), &[]);
    assert_eq!(
        found,
        [
            "alerting.notifications.email.toAddresses[1] is \"nobody\"; allowed: a mail address such as \
             ops@example.org or \"Ops <ops@example.org>\"",
            "alerting.notifications.email.smtpServer is \"smtp://m:25\"; allowed: host or host:port, such as \
             smtp.example.org:587",
        ]
    );
    let header = problems(&email("smtpServer: m").replace("[c@d]", "[\"c@d\\r\\nBcc: x@y\"]"), &[]);
    assert!(header[0].ends_with("has a line break or another control character"), "{header:?}");
}

#[test]
fn a_webhook_that_is_no_address_is_refused_unseen() {
    let found = problems(&at(NOTIFICATIONS, "slack: {webhookUrl: hooks.slack.com/hunter2}"), &[]);
    assert_eq!(
        found,
        [
            "alerting.notifications.slack.webhookUrl is not a webhook URL; allowed: a URL that begins with http:// or https://"
        ]
    );
}

#[test]
fn routes_are_read() {
    let text = format!(
        "{}{}",
        email("smtpServer: m"),
        "  routes:\n    - severity: '>=high'\n      types: [sla_violation, my_own]\n      channels: [email]\n      toAddresses: on@call\n    - channels: email\n"
    );
    let routes = load(&text, &[]).alerting.routes;
    assert_eq!(routes[0].severities, [Severity::High, Severity::Critical]);
    assert_eq!(routes[0].types, [AlertKind::SlaViolation, AlertKind::Custom("my_own".into())]);
    assert_eq!(routes[0].channels, [Channel::Email]);
    assert_eq!(routes[0].to_addresses[0].as_str(), "on@call");
    assert_eq!(routes[1].severities, Severity::ALL);
    assert!(routes[1].types.is_empty() && routes[1].to_addresses.is_empty());
}

#[test]
fn a_route_must_lead_to_a_known_channel() {
    let routes = |body: &str| at("alerting", &format!("routes:\n{body}"));
    assert_eq!(
        problems(
            &routes("  - severity: high\n  - channels: [pager]\n  - channels: console\n    severity: loud"),
            &[]
        ),
        [
            "alerting.routes[0].channels is missing: where the alerts go, such as [slack, email]",
            "alerting.routes[1].channels[0] is \"pager\"; allowed: slack, email, console",
            "alerting.routes[2].severity is \"loud\"; allowed: info, low, medium, high, critical, a list such as \
             medium,high, or a bound such as >=medium",
        ]
    );
    let (_, warnings) = load_with_warnings(&routes("  - channels: [slack]"), &[]);
    assert_eq!(warnings, ["alerting.routes[0]: leads to slack, which is off"]);
}

#[test]
fn recipients_of_routes_are_enough_for_mail() {
    let channel = at(&format!("{NOTIFICATIONS}.email"), "smtpServer: m\nfromAddress: a@b");
    let (config, warnings) = load_with_warnings(
        &format!(
            "{channel}  routes:\n    - {{severity: critical, channels: email, toAddresses: on@call}}\n    - {{channels: email}}\n"
        ),
        &[],
    );
    assert!(config.alerting.notifications.email.unwrap().to_addresses.is_empty());
    assert_eq!(
        warnings,
        ["alerting.routes[1]: leads to email without a recipient: set toAddresses here or at the channel"]
    );
}
