//! What the program says about itself while it runs, on standard error and as log records: what becomes bad in its health, and good again.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use mplp_trace::TraceModule;
use mplp_trace::core::env::LogLevel;
use mplp_trace::core::model::{Check, CheckStatus, HealthStatus};

/// How often the health is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Warned of at the start already.
const CONFIGURATION: &str = "configuration";

/// Knows what was said last.
pub(super) struct Diagnostics {
    level: LogLevel,
    /// Where it is logged too.
    module: Option<Arc<TraceModule>>,
    last: BTreeMap<(String, String), (CheckStatus, String)>,
}

impl Diagnostics {
    pub(super) fn new(level: LogLevel) -> Self {
        Self { level, module: None, last: BTreeMap::new() }
    }

    /// Also logs what it says from now on, at the level of `opentelemetry.logs`.
    pub(super) fn logged_by(mut self, module: &Arc<TraceModule>) -> Self {
        self.module = Some(module.clone());
        self
    }

    /// Writes a line, if lines of its level are wanted.
    pub(super) fn say(&self, err: &mut dyn Write, level: LogLevel, text: &str) -> io::Result<()> {
        if let Some(module) = &self.module {
            module.log(level, text);
        }
        if level <= self.level {
            let level = if level == LogLevel::Warn { "warning" } else { level.name() };
            writeln!(err, "{level}: {text}")?;
        }
        Ok(())
    }

    /// Looks from time to time, for ever; ends if nobody reads what is said.
    pub(super) async fn watch(mut self, module: &TraceModule, err: &mut dyn Write) -> io::Result<()> {
        if self.level == LogLevel::None && self.module.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            for (level, line) in self.changes(&module.service().health()) {
                self.say(err, level, &line)?;
            }
        }
    }

    /// What is to be said of a look.
    fn changes(&mut self, health: &HealthStatus) -> Vec<(LogLevel, String)> {
        let components = health.components.iter().filter(|(name, _)| *name != CONFIGURATION);
        let checks = components.flat_map(|(name, c)| c.checks.iter().map(move |check| (name, check)));
        let mut lines = Vec::new();
        let mut seen = BTreeMap::new();
        for (component, check) in checks {
            let key = (component.to_string(), check.name.clone());
            let before = self.last.get(&key);
            lines.extend(line(component, check, before));
            seen.insert(key, (check.status, check.message.clone()));
        }
        self.last = seen;
        lines
    }
}

fn line(
    component: &str,
    check: &Check,
    before: Option<&(CheckStatus, String)>,
) -> Option<(LogLevel, String)> {
    let was = before.map_or(CheckStatus::Pass, |(status, _)| *status);
    let level = match (was, check.status) {
        (was, now) if was != now => match now {
            CheckStatus::Pass => LogLevel::Info,
            CheckStatus::Warn => LogLevel::Warn,
            CheckStatus::Fail => LogLevel::Error,
        },
        // What a receiver remarks beside a success is nobody's failure, and nobody would hear of it.
        _ if before.is_none() && check.name.ends_with(".remarks") => LogLevel::Warn,
        _ if before.is_none_or(|(_, message)| *message != check.message) => LogLevel::Debug,
        _ => return None,
    };
    let again = if level == LogLevel::Info { "fine again: " } else { "" };
    Some((level, format!("{component}.{}: {again}{}", check.name, check.message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mplp_trace::core::model::ComponentHealth;

    fn health(component: &str, checks: &[(&str, CheckStatus, &str)]) -> HealthStatus {
        let check = |&(name, status, message): &(&str, CheckStatus, &str)| Check {
            name: name.to_owned(),
            status,
            message: message.to_owned(),
        };
        let part = ComponentHealth::from_checks(checks.iter().map(check).collect(), 0, None);
        let mut health = TraceModule::builder().build().unwrap().service().health();
        health.components.clear();
        health.components.insert(component.to_owned(), part);
        health
    }

    /// What is said of looks one after another, at a level.
    fn said(level: LogLevel, looks: &[HealthStatus]) -> String {
        let mut diagnostics = Diagnostics::new(level);
        let mut out = Vec::new();
        for look in looks {
            for (level, line) in diagnostics.changes(look) {
                diagnostics.say(&mut out, level, &line).unwrap();
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_change_is_said_once_at_its_level_and_the_end_of_it_too() {
        use CheckStatus::{Fail, Pass, Warn};
        let look = |status, message| health("tracing", &[("otlp", status, message)]);
        let looks = [
            look(Pass, "3 delivered"),
            look(Warn, "refused"),
            look(Warn, "refused, still"),
            look(Fail, "lost"),
            look(Pass, "4 delivered"),
        ];
        let all = "debug: tracing.otlp: 3 delivered\nwarning: tracing.otlp: refused\n\
                   debug: tracing.otlp: refused, still\nerror: tracing.otlp: lost\n\
                   info: tracing.otlp: fine again: 4 delivered\n";
        assert_eq!(said(LogLevel::Debug, &looks), all);
        let lines = |words: &[&str]| {
            let of = |l: &&str| words.iter().any(|w| l.starts_with(w));
            all.lines().filter(of).map(|l| format!("{l}\n")).collect::<String>()
        };
        assert_eq!(said(LogLevel::Info, &looks), lines(&["info", "warning", "error"]));
        assert_eq!(said(LogLevel::Warn, &looks), lines(&["warning", "error"]));
        assert_eq!(said(LogLevel::Error, &looks), lines(&["error"]));
        assert_eq!(said(LogLevel::None, &looks), "");
    }

    #[test]
    fn what_a_receiver_remarks_is_said_once() {
        let look = |message| health("tracing", &[("otlp.remarks", CheckStatus::Pass, message)]);
        let looks = [look("remarked 1 times: old"), look("remarked 2 times: old")];
        assert_eq!(said(LogLevel::Info, &looks), "warning: tracing.otlp.remarks: remarked 1 times: old\n");
    }

    #[test]
    fn what_was_said_at_the_start_is_not_said_again() {
        let look = health("configuration", &[("OTEL_BSP_MAX_QUEUE_SIZE", CheckStatus::Warn, "many")]);
        assert_eq!(said(LogLevel::Trace, &[look]), "");
    }
}
