//! `delivery`: the same words for every destination.

use std::collections::BTreeMap;
use std::path::PathBuf;

use trace_exporters::delivery::DeliveryConfig;

use super::typed;
use crate::config::section::Section;

/// The section; the defaults if it is not there, `None` if it cannot be used.
pub(in crate::config) fn read(s: &Section<'_>) -> Option<DeliveryConfig> {
    typed::read(s, &[], DeliveryConfig::validate)
}

/// Reports names that lead nowhere, alternatives that would do more than stand in, and folders that are shared.
pub(in crate::config) fn check(s: &Section<'_>, all: &[(&str, &DeliveryConfig)]) {
    let mut folders = BTreeMap::<PathBuf, &str>::new();
    let mut taken = BTreeMap::<&str, &str>::new();
    for (name, delivery) in all {
        let error = |message: String| s.error_at(&format!("{name}.delivery"), message);
        if let Some(spill) = &delivery.spill {
            // Two spellings of one folder are found when the log is opened.
            let folder: PathBuf = spill.dir.components().collect();
            if let Some(other) = folders.insert(folder, name) {
                error(format!("has the spill.dir of {other}: each destination needs a folder of its own"));
            }
        }
        for to in delivery.others() {
            let Some((_, target)) = all.iter().find(|(other, _)| *other == to) else {
                let known: Vec<_> = all.iter().map(|(n, _)| *n).filter(|n| n != name).collect();
                let known = if known.is_empty() { "there is no other".to_owned() } else { known.join(", ") };
                error(format!("names {to:?}, which is no destination that is on here; known: {known}"));
                continue;
            };
            if to == *name {
                error("names itself: name another destination, such as kind/backup".to_owned());
            } else if let Some(other) = taken.insert(to, name) {
                error(format!("names {to}, as {other} does: each needs an alternative of its own"));
            } else if target.spill.is_some() || target.throttle.is_some() || target.others().next().is_some()
            {
                error(format!(
                    "names {to}, which has a delivery of its own beyond retry: an alternative has none, since it gets only \
                     what this one passes on"
                ));
            }
        }
    }
}
