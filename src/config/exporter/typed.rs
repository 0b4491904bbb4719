//! Settings whose type an exporter brings along, read by the rules of this configuration: variables, both spellings of
//! keys, paths in every message, all problems at once, and no secret in any of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::node::{Context, Node};
use super::type_error::TypeError;
use crate::config::field::Field;
use crate::config::section::{Section, camel_case, join};

/// A key that is not there is read from this variable.
pub(in crate::config) type Fallback = (&'static str, &'static str);

/// Every pass finds at least one more problem; a file with more has enough to read.
const PASSES: usize = 64;

/// Reads the keys of a section that nobody has asked for yet, and checks the result. `None` if there was a problem, which is
/// then reported.
pub(in crate::config) fn read<T: DeserializeOwned, E: Display>(
    s: &Section<'_>,
    variables: &[Fallback],
    check: impl FnOnce(&T) -> Result<(), E>,
) -> Option<T> {
    let context = Context {
        source: s.source(),
        told: RefCell::default(),
        known: Cell::new(&[]),
        also_known: s.asked_for(),
    };
    s.leave_the_rest();
    let rest: Vec<(&str, &Value)> = s.rest();
    let mut read = None;
    for _ in 0..PASSES {
        let before = context.told.borrow().len();
        let fallbacks = variables.iter().filter(|(key, _)| !rest.iter().any(|(k, _)| camel_case(k) == *key));
        let fallbacks = fallbacks
            .map(|(key, variable)| (*key, Field::new(s.source(), join(s.path(), key), None).env(variable)));
        let node = Node::root(&context, s.path(), &rest, fallbacks.collect());
        match T::deserialize(node) {
            Ok(value) => read = Some(value),
            Err(error) => {
                context.tell(s.path(), "a section", error);
            }
        }
        // What was told of is left out of the next pass, which may find more.
        if context.told.borrow().len() == before {
            break;
        }
    }
    let value = read.filter(|_| context.told.borrow().is_empty())?;
    match check(&value) {
        Ok(()) => Some(value),
        Err(error) => {
            tell_place(s, &context, &rest, variables, &error.to_string());
            None
        }
    }
}

/// Says what a check found, at the key that its message begins with.
fn tell_place(
    s: &Section<'_>,
    context: &Context<'_>,
    rest: &[(&str, &Value)],
    variables: &[Fallback],
    message: &str,
) {
    let (first, said) = message.split_once(' ').unwrap_or((message, ""));
    let place = first.trim_end_matches(':');
    let key = camel_case(place.split('.').next().unwrap_or(place));
    if !said.is_empty() && context.known.get().iter().any(|known| camel_case(known) == key) {
        let written = rest.iter().find(|(k, _)| camel_case(k) == key).map(|(k, _)| *k);
        let below: Vec<String> = place.split('.').skip(1).map(camel_case).collect();
        let path = join(s.path(), written.unwrap_or(&key));
        let mut path = below.iter().fold(path, |path, key| join(&path, key));
        if let (None, Some((_, variable))) = (written, variables.iter().find(|(k, _)| *k == key)) {
            path = format!("{path} (from {variable})");
        }
        s.source().report.error(&path, said);
    } else {
        s.error(format!("cannot be used: {message}"));
    }
}

impl Context<'_> {
    /// Reports a problem once, unless whoever found it has done so.
    pub(super) fn tell(&self, path: &str, shown: &str, error: TypeError) -> TypeError {
        let first = self.told.borrow_mut().insert(path.to_owned());
        let report = self.source.report;
        match error {
            _ if !first => {}
            TypeError::Told => {}
            TypeError::Wrong(allowed) => report.error(path, format!("is {shown}; allowed: {allowed}")),
            TypeError::Missing(key) => {
                report.error(&join(path, &camel_case(key)), "is missing: it must be given");
            }
            TypeError::Said(text) => report.error(path, format!("cannot be used: {text}")),
        }
        TypeError::Told
    }
}

/// The paths that were reported.
pub(super) type Told = RefCell<BTreeSet<String>>;
