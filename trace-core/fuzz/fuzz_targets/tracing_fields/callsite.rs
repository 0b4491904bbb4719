//! Callsites made at run time.

use std::sync::OnceLock;

use tracing_core::field::FieldSet;
use tracing_core::subscriber::Interest;
use tracing_core::{Kind, Level, Metadata, identify_callsite};

/// A callsite of a span or an event; the layer tells them apart by how they are used.
pub struct Callsite(OnceLock<Metadata<'static>>);

impl tracing_core::Callsite for Callsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().expect("set where it is made")
    }
}

impl Callsite {
    /// From `name target field field...`; any text may be in each. At most 32 fields, as in `tracing` itself.
    pub fn leaked(line: &[u8]) -> &'static Self {
        let text: &'static str = String::from_utf8_lossy(line).into_owned().leak();
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let target = words.next().unwrap_or("target");
        let mut fields: Vec<&'static str> = Vec::new();
        for word in words {
            // Of two fields of one name, `tracing` would find the first.
            if fields.len() < 32 && !fields.contains(&word) {
                fields.push(word);
            }
        }
        let callsite: &'static Self = Box::leak(Box::new(Self(OnceLock::new())));
        let fields = FieldSet::new(fields.leak(), identify_callsite!(callsite));
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        let level = levels[line.len() % levels.len()];
        callsite.0.get_or_init(|| {
            Metadata::new(name, target, level, Some("file.rs"), Some(7), Some("module"), fields, Kind::SPAN)
        });
        callsite
    }

    /// What `tracing` hands to subscribers.
    pub fn get(&'static self) -> &'static Metadata<'static> {
        self.0.get().expect("set where it is made")
    }
}
