//! Marking series that are there no more, as a scraping server does.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use trace_core::model::{Resource, Timestamp};

use super::sample::{FamilyInfo, Labels, Series, Value};
use crate::prometheus::accumulate::identity::of_resource;

/// The NaN that means that a series has ended (Prometheus, `model/value`).
pub(super) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A source that was silent for so long is forgotten: the receiver shows its series no more by then (Prometheus,
/// `query.lookback-delta`).
const SILENCE: Duration = Duration::from_secs(300);
/// Sources that are remembered; of more, the one that was silent for longest is forgotten.
const MAX_SOURCES: usize = 1000;

/// The series that the receiver has from us and that have not ended, by the identity of their source: what one source
/// does not report another does.
#[derive(Debug, Default)]
pub(super) struct Written {
    sources: HashMap<Vec<u8>, Source>,
}

#[derive(Debug)]
struct Source {
    /// By their labels, with what is said about them.
    series: HashMap<Labels, FamilyInfo>,
    heard: Timestamp,
}

impl Written {
    /// Series of a source that were written before and are not among `now`, with the marker as their value; and their
    /// families.
    pub(super) fn ended(
        &self,
        source: &Resource,
        now: &[Series],
        families: &mut Vec<FamilyInfo>,
    ) -> Vec<Series> {
        let Some(before) = self.sources.get(&of_resource(source)) else { return Vec::new() };
        let time = now.iter().map(|s| s.time).max().unwrap_or_default();
        let present: HashSet<&Labels> = now.iter().map(|s| &s.labels).collect();
        let ended = before.series.iter().filter(|(labels, _)| !present.contains(labels));
        ended
            .map(|(labels, info)| {
                let known = families.iter().position(|f| f == info);
                let family = known.unwrap_or_else(|| {
                    families.push(info.clone());
                    families.len() - 1
                });
                let (value, exemplars) = (Value::Number(STALE), Vec::new());
                Series { labels: labels.clone(), value, time, start: 0, exemplars, family }
            })
            .collect()
    }

    /// Remembers what was stored of a source.
    pub(super) fn set(
        &mut self,
        source: &Resource,
        stored: impl Iterator<Item = (Labels, FamilyInfo)>,
        now: Timestamp,
    ) {
        self.sources.insert(of_resource(source), Source { series: stored.collect(), heard: now });
        self.sources.retain(|_, source| now.since(source.heard) <= SILENCE);
        while self.sources.len() > MAX_SOURCES {
            let Some((oldest, _)) = self.sources.iter().min_by_key(|(_, source)| source.heard) else {
                return;
            };
            let oldest = oldest.clone();
            self.sources.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::Kind;

    fn series(name: &str) -> Series {
        let labels = vec![("__name__".to_owned(), name.to_owned())];
        Series { labels, value: Value::Number(1.0), time: 5, start: 0, exemplars: vec![], family: 0 }
    }

    fn family() -> FamilyInfo {
        FamilyInfo { name: "f".into(), kind: Kind::Gauge, help: String::new(), unit: String::new() }
    }

    fn set(written: &mut Written, source: &Resource, names: &[&str], seconds: u64) {
        let stored = names.iter().map(|name| (series(name).labels, family()));
        written.set(source, stored, Timestamp::from_unix_secs(seconds));
    }

    fn ended(written: &Written, source: &Resource, names: &[&str]) -> Vec<String> {
        let now: Vec<Series> = names.iter().map(|name| series(name)).collect();
        let found = written.ended(source, &now, &mut vec![family()]);
        assert!(found.iter().all(|s| s.time == 5 && matches!(s.value, Value::Number(v) if v.is_nan())));
        found.into_iter().map(|s| s.labels[0].1.clone()).collect()
    }

    #[test]
    fn a_source_ends_no_series_of_another() {
        let (a, b) = (Resource::service("a"), Resource::service("b"));
        let mut written = Written::default();
        set(&mut written, &a, &["x", "y"], 1000);
        assert_eq!(ended(&written, &b, &["z"]), [""; 0]);
        set(&mut written, &b, &["z"], 1001);
        assert_eq!(ended(&written, &a, &["x"]), ["y"]);
        // Silent for too long: its series have ended by themselves.
        set(&mut written, &b, &["z"], 1301);
        assert_eq!(ended(&written, &a, &["x"]), [""; 0]);
    }

    #[test]
    fn no_more_than_so_many_sources_are_remembered() {
        let mut written = Written::default();
        for i in 0..MAX_SOURCES as u64 + 1 {
            set(&mut written, &Resource::service(format!("s{i}")), &["x"], 1000 + i / 100);
        }
        assert_eq!(written.sources.len(), MAX_SOURCES);
        assert_eq!(ended(&written, &Resource::service("s999"), &["y"]), ["x"]);
    }
}
