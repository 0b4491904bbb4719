//! Which alerts are told together.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use trace_core::model::Alert;

use crate::route::ResolvedRoute;

/// The label name that gives every alert its own group, as in Alertmanager.
const EACH: &str = "...";
/// The name by which rules group by the alert's kind.
const KIND: &str = "type";

/// The identity of a group and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Route, tenant and the values of the grouping labels.
    pub(super) key: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) wait: Duration,
    pub(super) interval: Duration,
}

impl Group {
    /// The group that a route puts an alert in.
    pub(super) fn of(route: &ResolvedRoute, alert: &Alert) -> Self {
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        let mut own = None;
        for name in &route.group_by {
            let value = match name.as_str() {
                EACH => {
                    labels.extend(alert.labels.clone());
                    own = Some(alert.fingerprint());
                    continue;
                }
                KIND => alert.labels.get(name).map_or(alert.kind.as_str(), String::as_str),
                _ => alert.labels.get(name).map_or("", String::as_str),
            };
            // An absent label groups like an empty one and is not worth showing.
            if !value.is_empty() {
                labels.insert(name.clone(), value.to_owned());
            }
        }
        let mut key = format!("{}/{}/{{", route.name, alert.tenant);
        for (n, (name, value)) in labels.iter().enumerate() {
            // `Debug` quotes and escapes, so that different values give different keys. Writing to a String
            // can not fail.
            let _ = write!(key, "{}{name}={value:?}", if n == 0 { "" } else { "," });
        }
        key.push('}');
        if let Some(fingerprint) = own {
            let _ = write!(key, "#{fingerprint}");
        }
        Self { key, labels, wait: route.group_wait, interval: route.group_interval }
    }
}

#[cfg(test)]
mod tests {
    use trace_core::model::{AlertKind, Severity, TenantId, Timestamp};

    use super::*;
    use crate::{AlertConfig, Route, route::RouteTable};

    fn key(group_by: &[&str], alert: &Alert) -> String {
        let route = Route::to(["*"]).group_by(group_by.iter().copied());
        let table = RouteTable::new(vec![], route, &["c".to_owned()], &[], &AlertConfig::default()).unwrap();
        Group::of(table.matching(alert).next().unwrap(), alert).key
    }

    fn alert() -> Alert {
        Alert::new(AlertKind::SlaViolation, Severity::Low, "m", Timestamp::default()).label("service", "a\"b")
    }

    #[test]
    fn the_key_holds_tenant_and_the_grouping_labels() {
        assert_eq!(key(&["service", "zone"], &alert()), r#"default/default/{service="a\"b"}"#);
        assert_eq!(key(&["type"], &alert()), r#"default/default/{type="sla_violation"}"#);
        assert_eq!(key(&[], &alert()), "default/default/{}");
    }

    #[test]
    fn tenants_never_share_a_group() {
        let mut other = alert();
        other.tenant = TenantId::new("acme").unwrap();
        assert_ne!(key(&[], &alert()), key(&[], &other));
    }

    #[test]
    fn three_dots_give_every_alert_its_own_group() {
        assert_ne!(key(&["..."], &alert()), key(&["..."], &alert().label("x", "1")));
        let mut workflow = alert();
        workflow.workflow_id = Some("w".into());
        assert_ne!(key(&["..."], &alert()), key(&["..."], &workflow));
    }
}
