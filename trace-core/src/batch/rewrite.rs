//! Changes to every span of a batch at once: what enriching, redacting and partitioning processors need.

use std::ops::Range;

use super::SpanBatchMut;
use super::columns::{Columns, List, NONE, Text};
use crate::model::{KeyValue, TenantId, Value, ValueRef};

/// What becomes of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// It stays as it is.
    Keep,
    /// It gets this value.
    Replace(Value),
    /// It goes.
    Remove,
}

impl SpanBatchMut {
    /// Adds an attribute to every span; `replace` says whether a span that has the key gets the new value. The value
    /// is stored once.
    pub fn set_attribute_on_all(&mut self, attribute: KeyValue, replace: bool) {
        let c = &mut self.columns;
        if attribute.key == TenantId::ATTRIBUTE {
            c.forget_tenants();
        }
        let key = c.text_of(attribute.key);
        let value = c.cell_of(attribute.value);
        for row in 0..c.rows.len() {
            match find(c, c.rows[row].attributes, key) {
                Some(at) if replace => c.attributes[at as usize].set_value(value),
                Some(_) => {}
                None => {
                    let mut list = c.rows[row].attributes;
                    c.push_attribute(&mut list, key, value);
                    c.rows[row].attributes = list;
                    c.rows[row].attribute_count = c.rows[row].attribute_count.saturating_add(1);
                }
            }
        }
    }

    /// Asks for every attribute of a span, event or link what becomes of it. The key is the first argument; the second
    /// is the same key if it is a constant of the program, which makes it worth remembering.
    pub fn edit_attributes(&mut self, mut f: impl FnMut(&str, Option<&'static str>, ValueRef<'_>) -> Edit) {
        let c = &mut self.columns;
        let mut removed = Vec::new();
        for at in 0..c.attributes.len() {
            let cell = c.attributes[at];
            let key = c.key(cell);
            let edit = f(c.str(key), key.constant(), c.value(cell.value()));
            if edit != Edit::Keep && c.str(key) == TenantId::ATTRIBUTE {
                c.forget_tenants();
            }
            match edit {
                Edit::Keep => {}
                Edit::Replace(value) => {
                    let value = c.cell_of(value);
                    c.attributes[at].set_value(value);
                }
                Edit::Remove => {
                    removed.resize(c.attributes.len(), false);
                    removed[at] = true;
                }
            }
        }
        if !removed.is_empty() {
            c.unlink(&removed);
        }
    }

    /// Asks for every status message, event name and, if `names`, span name what to put in its place. Constants of the
    /// program are not asked for.
    pub fn edit_texts(&mut self, names: bool, mut f: impl FnMut(&str) -> Option<String>) {
        let c = &mut self.columns;
        let mut ask = |c: &mut Columns, t: Text| {
            let new = if t.constant().is_some() { None } else { f(c.str(t)) };
            new.map(|new| c.store(&new))
        };
        for i in 0..c.extras.len() {
            if let Some(new) = ask(c, c.extras[i].status_message) {
                c.extras[i].status_message = new;
            }
        }
        for i in 0..c.events.len() {
            if let Some(new) = ask(c, c.events[i].name) {
                c.events[i].name = new;
            }
        }
        for i in 0..if names { c.rows.len() } else { 0 } {
            if let Some(new) = ask(c, c.rows[i].name) {
                c.rows[i].name = new;
            }
        }
    }

    /// All texts that are not constants, one behind the other, without those inside of arrays. What does not occur
    /// here occurs in no text value, message or name either.
    pub fn stored_text(&self) -> &str {
        &self.columns.text
    }

    /// The storage in bytes that the spans occupy.
    pub fn byte_size(&self) -> usize {
        self.columns.byte_size()
    }

    /// Brings spans of one group together, groups in ascending order, and says where each lies. `groups` has one
    /// entry a span.
    pub(crate) fn partition(&mut self, groups: &[u32]) -> Vec<(u32, Range<usize>)> {
        let rows = &mut self.columns.rows;
        let mut order: Vec<usize> = (0..rows.len().min(groups.len())).collect();
        if !groups.is_sorted() {
            order.sort_by_key(|i| groups[*i]);
            *rows = order.iter().map(|i| rows[*i]).collect();
        }
        let mut parts: Vec<(u32, Range<usize>)> = Vec::new();
        for (at, i) in order.into_iter().enumerate() {
            match parts.last_mut() {
                Some((group, range)) if *group == groups[i] => range.end = at + 1,
                _ => parts.push((groups[i], at..at + 1)),
            }
        }
        parts
    }
}

impl Text {
    /// The text, if it is a constant of the program.
    fn constant(self) -> Option<&'static str> {
        (!self.fixed.is_empty()).then_some(self.fixed)
    }
}

fn find(c: &Columns, list: List, key: Text) -> Option<u32> {
    let mut at = list.first;
    while let Some(cell) = c.attributes.get(at as usize) {
        if c.str(c.key(*cell)) == c.str(key) {
            return Some(at);
        }
        at = cell.next;
    }
    None
}

impl Columns {
    /// Takes attributes out of all lists.
    fn unlink(&mut self, removed: &[bool]) {
        for row in 0..self.rows.len() {
            let (list, count) = self.without(self.rows[row].attributes, removed);
            self.rows[row].attributes = list;
            self.rows[row].attribute_count = u16::try_from(count).unwrap_or(u16::MAX);
        }
        for i in 0..self.events.len() {
            self.events[i].attributes = self.without(self.events[i].attributes, removed).0;
        }
        for i in 0..self.links.len() {
            self.links[i].attributes = self.without(self.links[i].attributes, removed).0;
        }
    }

    fn without(&mut self, list: List, removed: &[bool]) -> (List, usize) {
        let (mut kept, mut count) = (List::EMPTY, 0);
        let mut at = list.first;
        while at != NONE {
            let next = self.attributes[at as usize].next;
            if !removed.get(at as usize).copied().unwrap_or(false) {
                match kept.last {
                    NONE => kept.first = at,
                    last => self.attributes[last as usize].next = at,
                }
                kept.last = at;
                count += 1;
            }
            at = next;
        }
        if kept.last != NONE {
            self.attributes[kept.last as usize].next = NONE;
        }
        (kept, count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{
        Event, Link, Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags, TraceId,
    };

    fn batch(n: u64) -> SpanBatchMut {
        let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
        for id in 1..=n {
            let context =
                SpanContext::new(TraceId::from_random(7), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
            let at = Timestamp::from_unix_secs(id);
            let mut span = SpanData::new(context.clone(), format!("span {id}"), at, at);
            let attributes = || vec![KeyValue::new("a", 1), KeyValue::new("b", "x"), KeyValue::new("c", id)];
            span.attributes = attributes();
            let (name, dropped_attributes) = (format!("event {id}").into(), 0);
            span.events = vec![Event { name, time: at, attributes: attributes(), dropped_attributes }];
            span.links = vec![Link { context, attributes: attributes(), dropped_attributes }];
            batch.push(span);
        }
        batch
    }

    fn keys(attributes: &[KeyValue]) -> Vec<&str> {
        attributes.iter().map(|kv| kv.key.as_ref()).collect()
    }

    #[test]
    fn a_value_for_all_spans_replaces_or_fills() {
        let mut b = batch(2);
        b.set_attribute_on_all(KeyValue::new("a", 9), false);
        b.set_attribute_on_all(KeyValue::new("b", "y"), true);
        b.set_attribute_on_all(KeyValue::new("new", "z"), false);
        for span in b.seal().iter() {
            assert_eq!(span.attribute("a"), Some(ValueRef::I64(1)));
            assert_eq!(span.attribute("b"), Some(ValueRef::String("y")));
            assert_eq!(span.attribute("new"), Some(ValueRef::String("z")));
            assert_eq!(span.attribute_count(), 4);
        }
    }

    #[test]
    fn attributes_are_replaced_and_removed_wherever_they_are() {
        for (gone, left) in [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])] {
            let mut b = batch(3);
            b.edit_attributes(|key, constant, value| {
                assert_eq!(constant, Some(key), "the keys of this test are constants");
                match key {
                    k if k == gone => Edit::Remove,
                    "a" => Edit::Replace(Value::from("new")),
                    _ if value == ValueRef::String("x") => Edit::Replace(Value::from(2)),
                    _ => Edit::Keep,
                }
            });
            for span in b.seal().iter() {
                assert_eq!(span.attribute_count(), 2);
                let span = span.to_span_data();
                assert_eq!(keys(&span.attributes), left);
                assert_eq!(keys(&span.events[0].attributes), left);
                assert_eq!(keys(&span.links[0].attributes), left);
            }
        }
        let mut all = batch(1);
        all.edit_attributes(|_, _, _| Edit::Remove);
        assert_eq!(all.get(0).unwrap().attributes().count(), 0);
    }

    #[test]
    fn names_are_asked_for_only_on_demand_and_event_names_always() {
        let mut b = batch(1);
        b.edit_texts(false, |t| Some(t.to_uppercase()));
        let span = b.get(0).unwrap().to_span_data();
        assert_eq!((&*span.name, &*span.events[0].name), ("span 1", "EVENT 1"));
        b.edit_texts(true, |t| Some(t.to_uppercase()));
        assert_eq!(b.get(0).unwrap().name(), "SPAN 1");
    }

    #[test]
    fn a_partition_keeps_the_order_inside_of_a_group() {
        let mut b = batch(5);
        assert_eq!(b.partition(&[2, 0, 2, 1, 0]), [(0, 0..2), (1, 2..3), (2, 3..5)]);
        let ids: Vec<u64> = b.iter().map(|s| s.span_id().to_u64()).collect();
        assert_eq!(ids, [2, 5, 4, 1, 3]);
        assert_eq!(batch(2).partition(&[7, 7]), [(7, 0..2)]);
        assert!(batch(0).partition(&[]).is_empty());
    }
}
