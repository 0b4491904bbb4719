//! The alerting that a configuration asks for.

use std::sync::Arc;

use trace_alerting::{AlertConfig, AlertRouter, Route};
use trace_core::signal::{AlertSink, Notifier};
use trace_core::tenant::{QuotaAlertSink, Tenancy};

use super::BuildError;
use super::builtin::name_for;
use crate::config::{Channel, RouteConfig, TraceConfig};
use crate::error::ConfigWarning;

const NOTIFICATIONS: &str = "alerting.notifications.";

/// Starts the router; `None` if alerting is off.
pub(super) fn start(
    config: &TraceConfig,
    notifiers: Vec<Arc<dyn Notifier>>,
    warnings: &[ConfigWarning],
) -> Result<Option<Arc<AlertRouter>>, BuildError> {
    let alerting = &config.alerting;
    if !alerting.enabled {
        return Ok(None);
    }
    let names: Vec<String> = notifiers.iter().map(|n| n.name().to_owned()).collect();
    let settings = AlertConfig { dedup_window: alerting.deduplication_window, ..AlertConfig::default() };
    let mut builder = AlertRouter::builder().config(settings);
    for notifier in notifiers {
        builder = builder.channel(notifier);
    }
    let mut off: Vec<String> = Vec::new();
    for warning in warnings {
        if let Some(channel) = warning.path.strip_prefix(NOTIFICATIONS)
            && !off.iter().any(|o| o == channel)
            && !is_on(channel, &names)
        {
            off.push(channel.to_owned());
            builder = builder.channel_off(channel, warning.message.clone());
        }
    }
    for (n, route) in alerting.routes.iter().enumerate() {
        builder = builder.route(routed(n, route, &names, &off));
    }
    if !alerting.routes.is_empty() {
        // With routes, what no route wants goes nowhere.
        builder = builder.default_route(Route::to(Vec::<String>::new()));
    }
    Ok(Some(Arc::new(builder.start()?)))
}

/// Where parts of the module raise alerts: the router, behind the quotas of tenants if there are any.
pub(super) fn sink(router: &Arc<AlertRouter>, tenancy: Option<&Arc<Tenancy>>) -> Arc<dyn AlertSink> {
    match tenancy {
        Some(tenancy) => Arc::new(QuotaAlertSink::new(tenancy.clone(), router.clone())),
        None => router.clone(),
    }
}

fn routed(n: usize, route: &RouteConfig, on: &[String], off: &[String]) -> Route {
    let own = |channel: Channel| match channel {
        Channel::Slack => route.slack_channel.is_some(),
        Channel::Email => !route.to_addresses.is_empty(),
        _ => false,
    };
    let names = route.channels.iter().map(|c| name_for(c.as_str(), own(*c).then_some(n)));
    // The configuration has warned of channels that are off.
    let known = names.filter(|name| is_on(name, on) || off.contains(name));
    // Every route that matches counts.
    Route {
        severities: route.severities.clone(),
        kinds: route.types.clone(),
        ..Route::to(known).and_continue()
    }
}

fn is_on(channel: &str, names: &[String]) -> bool {
    names.iter().any(|name| name.split(':').next() == Some(channel))
}
