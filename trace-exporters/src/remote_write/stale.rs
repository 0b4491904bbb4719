//! Marking series that are there no more, as a scraping server does.

use std::collections::HashMap;

use super::sample::{FamilyInfo, Labels, Series, Value};

/// The NaN that means that a series has ended (Prometheus, `model/value`).
pub(super) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The series that the receiver has from us and that have not ended.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// By their labels, with what is said about them.
    series: HashMap<Labels, FamilyInfo>,
}

impl Written {
    /// Series that were written before and are not among `now`, with the marker as their value; and their families.
    pub(super) fn ended(&self, now: &[Series], families: &mut Vec<FamilyInfo>) -> Vec<Series> {
        let time = now.iter().map(|s| s.time).max().unwrap_or_default();
        let present: std::collections::HashSet<&Labels> = now.iter().map(|s| &s.labels).collect();
        let ended = self.series.iter().filter(|(labels, _)| !present.contains(labels));
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

    /// Remembers what was stored.
    pub(super) fn set(&mut self, stored: impl Iterator<Item = (Labels, FamilyInfo)>) {
        self.series = stored.collect();
    }
}
