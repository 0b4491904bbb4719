//! What a layer knows of a method and a route, made once and found without a lock.

use std::sync::{Arc, OnceLock};

use super::method::{METHODS, OTHER};
use super::series::SeriesTable;

/// Operations that a layer tells apart. Templates are few; if a route function gives paths instead, what does not
/// fit counts as having no route, and memory stays bounded.
const SLOTS: usize = 1024;
/// Slots looked at for one operation; a table less than half full practically never needs so many.
const PROBES: usize = 32;

/// A method and a route; for clients, the server too.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// The route template, or a client's URL template.
    pub(super) template: Option<Arc<str>>,
    /// Where a client's requests go.
    pub(super) server: Option<(Box<str>, Option<u16>)>,
    /// `METHOD template`, and the method alone without one: a name must be bounded.
    pub(super) name: Box<str>,
    pub(super) series: SeriesTable,
}

/// What tells operations apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct OperationKey<'a> {
    /// See [`super::method::method_number`].
    pub(super) method: usize,
    pub(super) template: Option<&'a str>,
    pub(super) server: Option<(&'a str, Option<u16>)>,
}

impl OperationKey<'_> {
    /// FNV-1a over words. Not secret: who makes names collide reaches [`PROBES`], and no more.
    fn hash(&self) -> usize {
        const PRIME: u64 = 0x100_0000_01b3;
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ self.method as u64;
        let mut mix = |word: u64| hash = (hash ^ word).wrapping_mul(PRIME);
        for text in [self.template, self.server.map(|(host, _)| host)].into_iter().flatten() {
            mix(text.len() as u64);
            let (words, rest) = text.as_bytes().as_chunks::<8>();
            words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
            // The last word overlaps the one before.
            match text.as_bytes().last_chunk::<8>() {
                Some(last) if !rest.is_empty() => mix(u64::from_le_bytes(*last)),
                Some(_) => {}
                None => mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
            }
        }
        mix(self.server.and_then(|(_, port)| port).map_or(0, u64::from));
        (hash ^ hash >> 32) as usize
    }
}

impl Operation {
    fn new(key: &OperationKey<'_>) -> Self {
        let method = METHODS.get(key.method).copied().unwrap_or(OTHER);
        let verb = if method == OTHER { "HTTP" } else { method };
        Self {
            method,
            template: key.template.map(Arc::from),
            server: key.server.map(|(host, port)| (Box::from(host), port)),
            name: match key.template {
                Some(template) => format!("{verb} {template}").into(),
                None => verb.into(),
            },
            series: SeriesTable::default(),
        }
    }

    fn is(&self, key: &OperationKey<'_>) -> bool {
        self.method == METHODS[key.method]
            && self.template.as_deref() == key.template
            && self.server.as_ref().map(|(host, port)| (&**host, *port)) == key.server
    }
}

/// The operations of a layer: a table that only grows, so that reading it takes no lock.
pub(super) struct Operations {
    slots: OnceLock<Box<[OnceLock<Operation>]>>,
    /// For each method, what no slot is left for.
    others: [OnceLock<Operation>; METHODS.len()],
}

/// Names an operation of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OperationId {
    Slot(u16),
    Other(u8),
}

impl Default for Operations {
    fn default() -> Self {
        Self { slots: OnceLock::new(), others: std::array::from_fn(|_| OnceLock::new()) }
    }
}

impl Clone for Operations {
    /// Empty: settings that differ make different series.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Operations {
    pub(super) fn find(&self, key: &OperationKey<'_>) -> OperationId {
        if key.template.is_none() && key.server.is_none() {
            return OperationId::Other(key.method as u8);
        }
        let slots = self.slots.get_or_init(|| (0..SLOTS).map(|_| OnceLock::new()).collect());
        let first = key.hash();
        for probe in 0..PROBES {
            let at = (first + probe) % SLOTS;
            // A slot that another thread has just filled may hold something else: then the next one is tried.
            if slots[at].get_or_init(|| Operation::new(key)).is(key) {
                return OperationId::Slot(at as u16);
            }
        }
        OperationId::Other(key.method as u8)
    }

    pub(super) fn get(&self, id: OperationId) -> &Operation {
        let other = |method: usize| {
            let key = OperationKey { method, template: None, server: None };
            self.others[method].get_or_init(|| Operation::new(&key))
        };
        match id {
            OperationId::Other(method) => other(usize::from(method).min(METHODS.len() - 1)),
            OperationId::Slot(at) => {
                let slot = self.slots.get().and_then(|slots| slots.get(usize::from(at))?.get());
                // `find` has filled the slot that it named.
                slot.unwrap_or_else(|| other(METHODS.len() - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(method: usize, template: Option<&str>) -> OperationKey<'_> {
        OperationKey { method, template, server: None }
    }

    #[test]
    fn an_operation_is_found_again_and_named_by_method_and_template() {
        let table = Operations::default();
        let name = |k: &OperationKey<'_>| table.get(table.find(k)).name.to_string();
        assert_eq!(name(&key(0, Some("/items/{id}"))), "GET /items/{id}");
        assert_eq!(name(&key(1, Some("/items/{id}"))), "POST /items/{id}");
        assert_eq!((name(&key(0, None)), name(&key(10, None))), ("GET".into(), "HTTP".into()));
        assert_eq!(table.find(&key(0, Some("/a"))), table.find(&key(0, Some("/a"))));
        let to = |host, port| OperationKey { server: Some((host, Some(port))), ..key(0, None) };
        assert_ne!(table.find(&to("a.test", 80)), table.find(&to("a.test", 81)));
    }

    #[test]
    fn a_route_function_that_gives_paths_cannot_exhaust_memory() {
        let table = Operations::default();
        let mut others = 0;
        for i in 0..20_000 {
            let path = format!("/items/{i}");
            let operation = table.get(table.find(&key(0, Some(&path))));
            match &operation.template {
                Some(template) => assert_eq!(**template, *path),
                None => others += 1,
            }
        }
        assert!(others >= 20_000 - SLOTS, "{others}");
    }
}
