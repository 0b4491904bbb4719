//! `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` and `OTEL_LOGS_EXPORTER`: which exporters the environment asks for.

use super::section::Section;

/// The exporters that a variable lists; nothing if it is unset.
pub(super) struct Asked<'a>(Option<&'a [String]>);

impl<'a> Asked<'a> {
    /// Warns of exporters that there are not.
    pub(super) fn new(
        s: &Section<'_>,
        variable: &'static str,
        list: Option<&'a [String]>,
        known: &[&str],
    ) -> Self {
        for unknown in
            list.unwrap_or_default().iter().filter(|k| *k != "none" && !known.contains(&k.as_str()))
        {
            let cut: String = unknown.chars().take(64).collect();
            s.warn_at(
                variable,
                format!("there is no exporter {cut:?} here; known are none, {}", known.join(", ")),
            );
        }
        Self(list)
    }

    /// Whether this kind is listed; `None` if the variable is unset.
    pub(super) fn for_kind(&self, kind: &str) -> Option<bool> {
        self.0.map(|list| list.iter().any(|k| k == kind))
    }
}
