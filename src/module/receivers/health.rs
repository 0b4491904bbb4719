//! `receivers`: warns if one that was asked for does not listen, and of datagrams that are lost.

use trace_core::model::{Check, CheckStatus, ComponentHealth};
use trace_core::service::HealthCheck;

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
            let addresses = self.0.addresses(name);
            let well = figures.lost == 0 && !addresses.is_empty();
            let status = if well { CheckStatus::Pass } else { CheckStatus::Warn };
            let mut message = match addresses.is_empty() {
                true => "does not listen".to_owned(),
                false => {
                    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    format!("listens on {}", list.join(" and "))
                }
            };
            message += &said(&figures);
            Check { name: (*name).to_owned(), status, message }
        });
        let checks: Vec<Check> = checks.collect();
        ComponentHealth::from_checks(checks, lost, None)
    }
}

/// `; requests: 3 accepted, 1 bad; spans: 12 held`.
fn said(figures: &Figures) -> String {
    let lists = [
        ("requests", &figures.requests),
        ("datagrams", &figures.datagrams),
        ("spans", &figures.spans),
        ("points", &figures.points),
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
