//! `receivers`: warns if one that was asked for does not listen, and of datagrams that are lost.

use trace_core::model::{Check, CheckStatus, ComponentHealth};
use trace_core::service::HealthCheck;

use super::board::State;
use super::{Figures, Shared};

pub(super) struct ReceiversHealth(pub(super) Shared);

impl HealthCheck for ReceiversHealth {
    fn component(&self) -> &str {
        "receivers"
    }

    fn check(&self) -> ComponentHealth {
        let mut lost = 0;
        let checks = self.0.sources.iter().map(|(name, source)| {
            let figures = source.figures();
            lost += figures.lost;
            let (works, mut message) = doing(&self.0.states(name));
            let well = works && figures.lost == 0;
            let status = if well { CheckStatus::Pass } else { CheckStatus::Warn };
            message += &said(&figures);
            Check { name: (*name).to_owned(), status, message }
        });
        let checks: Vec<Check> = checks.collect();
        ComponentHealth::from_checks(checks, lost, None)
    }
}

/// Whether it does what it should, and what that is.
fn doing(states: &[State]) -> (bool, String) {
    let mut addresses = Vec::new();
    for state in states {
        match state {
            State::Listens(address) => addresses.push(address.to_string()),
            #[cfg(feature = "kafka")]
            State::Reads => return (true, "reads".to_owned()),
            #[cfg(feature = "kafka")]
            State::Failed(error) => return (false, format!("has ended: {error}")),
        }
    }
    match addresses.is_empty() {
        true => (false, "does not listen".to_owned()),
        false => (true, format!("listens on {}", addresses.join(" and "))),
    }
}

/// `; requests: 3 accepted, 1 bad; spans: 12 held`.
fn said(figures: &Figures) -> String {
    let lists = [
        ("requests", &figures.requests),
        ("datagrams", &figures.datagrams),
        ("records", &figures.records),
        ("spans", &figures.spans),
        ("points", &figures.points),
        ("log records", &figures.logs),
    ];
    let mut out = String::new();
    for (what, counts) in lists {
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(outcome, n)| format!("{n} {}", outcome.replace('_', " ")))
            .collect();
        if !counts.is_empty() {
            out += &format!("; {what}: {}", counts.join(", "));
        }
    }
    out
}
