//! Two destinations of one backend: everything would be there twice.

use trace_exporters::jaeger::same_backend;

use crate::config::section::Section;

/// Warns of each pair. What only stands in for another is not among them.
pub(in crate::config) fn warn_of_one_backend(s: &Section<'_>, destinations: &[(String, String)]) {
    let pairs: Vec<(&str, &str)> =
        destinations.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
    for warning in same_backend(&pairs) {
        s.warn(format!(
            "{} and {} have one host: if it is one backend, everything arrives there twice; leave one of them out",
            warning.first, warning.second
        ));
    }
}
