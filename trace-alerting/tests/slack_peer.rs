//! The Slack channel against a mock that others wrote. Needs `MPLP_PEER_SLACK_URL` and `MPLP_PEER_SLACK_DUMP`, a
//! JSON-lines file of the bodies that it took.
#![cfg(feature = "slack")]

mod support;

use support::{alert, dumped, notification, peer, unique};
use trace_alerting::channel::slack::{SlackConfig, SlackNotifier};
use trace_core::model::{Alert, AlertStatus};
use trace_core::signal::Notifier;

#[tokio::test]
async fn a_mock_that_enforces_slacks_rules_takes_our_messages() {
    let names = ["MPLP_PEER_SLACK_URL", "MPLP_PEER_SLACK_DUMP"];
    let Some([url, dump]) = peer("a_mock_that_enforces_slacks_rules_takes_our_messages", names) else {
        return;
    };
    let slack = SlackNotifier::new(&SlackConfig::new(url)).unwrap();
    let mark = unique();
    let firing = Alert { message: format!("{mark} <!here> & more"), ..alert() };
    let big = (0..40).map(|n| {
        Alert { message: format!("{mark} {}", "long ".repeat(900)), ..firing.clone() }
            .label("n", n.to_string())
    });
    let over = Alert { status: AlertStatus::Resolved, ..firing.clone() };
    for alerts in [vec![firing.clone()], big.collect(), vec![over]] {
        slack.notify(&notification(alerts)).await.unwrap();
    }
    let bodies = dumped(&dump, |line| line.to_string().contains(&mark)).await;
    assert_eq!(bodies.len(), 3, "each was taken once");
    assert!(bodies[0].to_string().contains(&format!("{mark} &lt;!here&gt; &amp; more")));
}
