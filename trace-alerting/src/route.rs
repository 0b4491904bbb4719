//! Who is told of what.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trace_core::model::{Alert, AlertKind, Severity};

use crate::{AlertConfig, ConfigError, duration_text};

/// Alerts that match every condition go to the channels. Routes are tried in order; the first match ends the
/// search unless it says `continue`. A condition that is absent matches all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Route {
    /// The name in group keys and explanations. Default: the route's number.
    pub name: Option<String>,
    /// This severity or worse.
    #[serde(alias = "min_severity")]
    pub min_severity: Option<Severity>,
    /// One of these severities.
    pub severities: Vec<Severity>,
    /// One of these kinds.
    #[serde(alias = "types")]
    pub kinds: Vec<AlertKind>,
    /// All of these labels with these values.
    pub labels: BTreeMap<String, String>,
    /// Names of channels; `*` is all. `email` also means each `email:ADDRESS`. Nobody is told if it is empty.
    pub channels: Vec<String>,
    /// Whether later routes are tried, too.
    #[serde(rename = "continue")]
    pub continues: bool,
    /// See [`AlertConfig::group_by`].
    #[serde(alias = "group_by")]
    pub group_by: Option<Vec<String>>,
    /// See [`AlertConfig::group_wait`].
    #[serde(alias = "group_wait", with = "duration_text::optional")]
    pub group_wait: Option<Duration>,
    /// See [`AlertConfig::group_interval`].
    #[serde(alias = "group_interval", with = "duration_text::optional")]
    pub group_interval: Option<Duration>,
}

impl Route {
    /// A route without conditions to these channels.
    pub fn to<S: Into<String>>(channels: impl IntoIterator<Item = S>) -> Self {
        Self { channels: channels.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same route for this severity or worse.
    #[must_use]
    pub fn min_severity(mut self, severity: Severity) -> Self {
        self.min_severity = Some(severity);
        self
    }

    /// The same route for one more kind.
    #[must_use]
    pub fn kind(mut self, kind: AlertKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// The same route for alerts with this label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// The same route, after which later routes are tried, too.
    #[must_use]
    pub fn and_continue(mut self) -> Self {
        self.continues = true;
        self
    }

    /// The same route with groups by these labels.
    #[must_use]
    pub fn group_by<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.group_by = Some(labels.into_iter().map(Into::into).collect());
        self
    }

    /// Whether the alert meets every condition.
    pub fn matches(&self, alert: &Alert) -> bool {
        self.min_severity.is_none_or(|min| alert.severity >= min)
            && (self.severities.is_empty() || self.severities.contains(&alert.severity))
            && (self.kinds.is_empty() || self.kinds.contains(&alert.kind))
            && self.labels.iter().all(|(k, v)| alert.labels.get(k) == Some(v))
    }
}

/// A route with its channels found and its defaults filled in.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedRoute {
    pub(crate) name: String,
    route: Route,
    pub(crate) channels: Vec<usize>,
    /// Names of channels that are configured but off.
    pub(crate) off: Vec<String>,
    pub(crate) group_by: Vec<String>,
    pub(crate) group_wait: Duration,
    pub(crate) group_interval: Duration,
}

/// The routes in order, the default route last.
#[derive(Clone, Debug)]
pub(crate) struct RouteTable(Vec<ResolvedRoute>);

impl RouteTable {
    /// Finds the channels of every route. `on` and `off` are the known channels.
    pub(crate) fn new(
        routes: Vec<Route>,
        fallback: Route,
        on: &[String],
        off: &[String],
        config: &AlertConfig,
    ) -> Result<Self, ConfigError> {
        let count = routes.len();
        let all = routes.into_iter().chain([fallback]).enumerate().map(|(n, route)| {
            let path =
                if n == count { "alerting.defaultRoute".to_owned() } else { format!("alerting.routes[{n}]") };
            let mut channels = Vec::new();
            let mut is_off = Vec::new();
            for wanted in &route.channels {
                let found: Vec<usize> = (0..on.len()).filter(|&i| means(wanted, &on[i])).collect();
                let dark: Vec<&String> = off.iter().filter(|name| means(wanted, name)).collect();
                if found.is_empty() && dark.is_empty() && wanted != "*" {
                    let known = on.iter().chain(off).map(String::as_str).collect::<Vec<_>>().join(", ");
                    let problem = format!("no channel {wanted:?}; known channels: {known}");
                    return Err(ConfigError::new(format!("{path}.channels"), problem));
                }
                channels.extend(found);
                is_off.extend(dark.into_iter().cloned());
            }
            channels.sort_unstable();
            channels.dedup();
            is_off.sort_unstable();
            is_off.dedup();
            let default_name = if n == count { "default".to_owned() } else { n.to_string() };
            Ok(ResolvedRoute {
                name: route.name.clone().unwrap_or(default_name),
                channels,
                off: is_off,
                group_by: route.group_by.clone().unwrap_or_else(|| config.group_by.clone()),
                group_wait: route.group_wait.unwrap_or(config.group_wait),
                group_interval: route.group_interval.unwrap_or(config.group_interval),
                route,
            })
        });
        all.collect::<Result<_, _>>().map(Self)
    }

    /// The routes that the alert takes, in order.
    pub(crate) fn matching<'a>(&'a self, alert: &'a Alert) -> impl Iterator<Item = &'a ResolvedRoute> {
        let mut over = false;
        let (fallback, routes) = match self.0.split_last() {
            Some((last, rest)) => (Some(last), rest),
            None => (None, &[][..]),
        };
        let mut taken: Vec<&ResolvedRoute> = Vec::new();
        for route in routes {
            if !over && route.route.matches(alert) {
                taken.push(route);
                over = !route.route.continues;
            }
        }
        // The default route is for what no other route wants, also where the last match says `continue`.
        if taken.is_empty() {
            taken.extend(fallback.filter(|f| f.route.matches(alert)));
        }
        taken.into_iter()
    }
}

/// Whether a name in a route means this channel.
fn means(wanted: &str, channel: &str) -> bool {
    wanted == "*" || channel.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use trace_core::model::Timestamp;

    use super::*;

    fn alert(severity: Severity) -> Alert {
        Alert::new(AlertKind::SlaViolation, severity, "m", Timestamp::default()).label("team", "a")
    }

    fn names(table: &RouteTable, alert: &Alert) -> Vec<String> {
        table.matching(alert).map(|r| r.name.clone()).collect()
    }

    fn table(routes: Vec<Route>) -> Result<RouteTable, ConfigError> {
        let on = ["slack".to_owned(), "email:a@x.org".to_owned(), "email:b@x.org".to_owned()];
        RouteTable::new(routes, Route::to(["*"]), &on, &["pager".to_owned()], &AlertConfig::default())
    }

    #[test]
    fn every_condition_of_a_route_must_hold() {
        let route = Route::to(["slack"])
            .min_severity(Severity::High)
            .kind(AlertKind::SlaViolation)
            .label("team", "a");
        assert!(route.matches(&alert(Severity::Critical)));
        assert!(!route.matches(&alert(Severity::Medium)));
        assert!(!route.clone().label("team", "b").matches(&alert(Severity::Critical)));
        let listed = Route { severities: vec![Severity::Low], ..route };
        assert!(!listed.matches(&alert(Severity::Critical)));
    }

    #[test]
    fn the_first_match_wins_unless_it_continues() {
        let high = Route::to(["slack"]).min_severity(Severity::High);
        let any = Route::to(["email"]);
        let strict = table(vec![high.clone(), any.clone()]).unwrap();
        assert_eq!(names(&strict, &alert(Severity::Critical)), ["0"]);
        assert_eq!(names(&strict, &alert(Severity::Low)), ["1"]);
        let going_on = table(vec![high.clone().and_continue(), any]).unwrap();
        assert_eq!(names(&going_on, &alert(Severity::Critical)), ["0", "1"]);
        let only_high = table(vec![high]).unwrap();
        assert_eq!(names(&only_high, &alert(Severity::Low)), ["default"]);
    }

    #[test]
    fn a_channel_name_means_all_of_its_recipients() {
        let table = table(vec![Route::to(["email", "pager"])]).unwrap();
        let alert = alert(Severity::Low);
        let route = table.matching(&alert).next().unwrap();
        assert_eq!(
            (route.channels.as_slice(), route.off.as_slice()),
            (&[1, 2][..], &["pager".to_owned()][..])
        );
    }

    #[test]
    fn an_unknown_channel_is_named_with_the_known_ones() {
        let err = table(vec![Route::to(["slak"])]).unwrap_err().to_string();
        assert!(err.starts_with(r#"alerting.routes[0].channels: no channel "slak""#), "{err}");
        assert!(err.contains("slack, email:a@x.org"), "{err}");
    }

    #[test]
    fn a_route_is_read_from_configuration() {
        let text = r#"{"minSeverity":"warning","types":["sla_violation"],"channels":["slack"],"continue":true,
            "groupBy":["team"],"group_wait":"2s"}"#;
        let route: Route = serde_json::from_str(text).unwrap();
        assert_eq!(route.min_severity, Some(Severity::Medium));
        assert_eq!(route.group_wait, Some(Duration::from_secs(2)));
        assert!(route.continues && route.matches(&alert(Severity::High)));
    }
}
