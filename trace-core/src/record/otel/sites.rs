//! Call sites of the API, which does not say where it is called from: what spans of one library have in common that have the
//! same name, kind and keys.
//!
//! They are found without a lock. Names are found by where they lie, for those that are kept are constants of the program; a
//! key may be anything, so its text is compared. The table never grows: whoever makes up keys fills it, and then spans that
//! are not in it are recorded as drafts, as before.

use std::sync::OnceLock;

use opentelemetry::KeyValue;

use crate::batch::is_same_key;
use crate::model::{Scope, SpanKind};
use crate::record::Callsite;
use crate::record::ring::MAX_VALUES;

static SITES: [OnceLock<Callsite>; PLACES] = [const { OnceLock::new() }; PLACES];
const PLACES: usize = 2048;
/// Places where a site may lie.
const PROBES: usize = 8;
/// Bytes of the keys of a site, which are kept for ever.
const MOST_BYTES: usize = 1024;

/// The site of a span that starts or ends with these attributes; `None` if it has none.
#[inline]
pub(super) fn find(
    scope: &'static Scope,
    name: &'static str,
    kind: SpanKind,
    attributes: &[KeyValue],
) -> Option<&'static Callsite> {
    let at = (name.as_ptr().addr() as u64 ^ (name.len() as u64) << 48 ^ (attributes.len() as u64) << 56)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 48;
    for probe in 0..PROBES {
        let place = &SITES[(at as usize + probe) % PLACES];
        let Some(site) = place.get() else { return make(place, scope, name, kind, attributes) };
        if is_of(site, scope, name, kind, attributes) {
            return Some(site);
        }
    }
    None
}

#[inline(always)]
fn is_of(
    site: &Callsite,
    scope: &'static Scope,
    name: &'static str,
    kind: SpanKind,
    attributes: &[KeyValue],
) -> bool {
    std::ptr::eq(site.name, name)
        && std::ptr::eq(site.scope, scope)
        && site.kind == kind
        && site.keys.len() == attributes.len()
        && site
            .keys
            .iter()
            .zip(attributes)
            .all(|(key, a)| is_same_key(key.as_bytes(), a.key.as_str().as_bytes()))
}

/// Makes the site, unless keys are repeated, or too many or too long.
#[cold]
#[inline(never)]
fn make(
    place: &'static OnceLock<Callsite>,
    scope: &'static Scope,
    name: &'static str,
    kind: SpanKind,
    attributes: &[KeyValue],
) -> Option<&'static Callsite> {
    let keys: Vec<&str> = attributes.iter().map(|a| a.key.as_str()).collect();
    let bytes: usize = keys.iter().map(|key| key.len()).sum();
    let is_repeated = |(i, key): (usize, &&str)| keys.iter().take(i).any(|other| other == key);
    if keys.len() > MAX_VALUES
        || bytes > MOST_BYTES
        || keys.contains(&"")
        || keys.iter().enumerate().any(is_repeated)
    {
        return None;
    }
    let made = place.get_or_init(|| {
        let keys: Vec<&'static str> = keys.iter().map(|key| &*String::from(*key).leak()).collect();
        Callsite::new(name, kind, scope, keys.leak())
    });
    made.number()?;
    // Another thread may have been faster, with another site.
    is_of(made, scope, name, kind, attributes).then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    static LIB: Scope = Scope::from_static("otel::sites::tests", "");

    fn list(keys: &[&str]) -> Vec<KeyValue> {
        keys.iter().map(|key| KeyValue::new((*key).to_owned(), 1)).collect()
    }

    fn of(name: &'static str, kind: SpanKind, keys: &[&str]) -> Option<&'static Callsite> {
        find(&LIB, name, kind, &list(keys))
    }

    #[test]
    fn spans_that_differ_in_name_kind_or_keys_are_of_other_sites() {
        let site = |name, kind, keys: &[&str]| std::ptr::from_ref(of(name, kind, keys).unwrap());
        let one = site("sites: one", SpanKind::Internal, &["a", "b"]);
        assert_eq!(site("sites: one", SpanKind::Internal, &["a", "b"]), one);
        assert_ne!(site("sites: two", SpanKind::Internal, &["a", "b"]), one);
        assert_ne!(site("sites: one", SpanKind::Server, &["a", "b"]), one);
        assert_ne!(site("sites: one", SpanKind::Internal, &["b", "a"]), one);
        assert_ne!(site("sites: one", SpanKind::Internal, &["a"]), one);
        static OTHER: Scope = Scope::from_static("otel::sites::other", "");
        let other = find(&OTHER, "sites: one", SpanKind::Internal, &list(&["a", "b"])).unwrap();
        assert!(!std::ptr::eq(other, one) && other.keys == ["a", "b"]);
    }

    #[test]
    fn what_a_ring_cannot_carry_has_no_site() {
        let many: Vec<String> = (0..=MAX_VALUES).map(|i| format!("key.{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(of("sites: many", SpanKind::Internal, &many).is_none());
        assert!(of("sites: many", SpanKind::Internal, &many[1..]).is_some());
        assert!(of("sites: repeated", SpanKind::Internal, &["a", "b", "a"]).is_none());
        assert!(of("sites: empty", SpanKind::Internal, &[""]).is_none());
        assert!(of("sites: long", SpanKind::Internal, &[&"k".repeat(MOST_BYTES + 1)]).is_none());
    }

    #[test]
    fn keys_without_end_find_no_place_after_a_while() {
        let made =
            (0..100).filter(|i| of("sites: endless", SpanKind::Internal, &[&format!("k{i}")]).is_some());
        assert!(made.count() <= PROBES);
    }
}
