//! Which keys are redacted, and a memory of the answers.

use super::Redaction;
use super::glob::KeyGlob;

/// Rules for keys in order; the first that fits decides.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyRules {
    rules: Vec<(KeyGlob, Redaction)>,
    /// Keys that no rule and no pattern touches.
    except: Vec<KeyGlob>,
}

/// What a key says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyVerdict {
    /// The value itself decides.
    LookAtValue,
    /// The value is redacted, whatever it is.
    Redact(Redaction),
    /// The value stays, whatever it is.
    Leave,
}

impl KeyRules {
    pub(super) fn new(rules: &[(String, Redaction)], except: &[String]) -> Self {
        Self {
            rules: rules.iter().map(|(glob, r)| (KeyGlob::new(glob), *r)).collect(),
            except: except.iter().map(|glob| KeyGlob::new(glob)).collect(),
        }
    }

    pub(super) fn verdict(&self, key: &str) -> KeyVerdict {
        if self.except.iter().any(|g| g.matches(key)) {
            return KeyVerdict::Leave;
        }
        let rule = self.rules.iter().find(|(g, _)| g.matches(key));
        rule.map_or(KeyVerdict::LookAtValue, |(_, r)| KeyVerdict::Redact(*r))
    }
}

/// Entries of the memory; a program has a few dozen constant keys.
const SLOTS: usize = 128;

/// Verdicts on keys that are constants of the program, by their address, which never means another text.
pub(super) struct Remembered<'a> {
    rules: &'a KeyRules,
    slots: [(usize, usize, KeyVerdict); SLOTS],
}

impl<'a> Remembered<'a> {
    pub(super) fn new(rules: &'a KeyRules) -> Self {
        Self { rules, slots: [(0, 0, KeyVerdict::Leave); SLOTS] }
    }

    #[inline]
    pub(super) fn verdict(&mut self, key: &str, constant: Option<&'static str>) -> KeyVerdict {
        let Some(constant) = constant else { return self.rules.verdict(key) };
        let (at, len) = (constant.as_ptr() as usize, constant.len());
        let slot = &mut self.slots[(at ^ (at >> 7) ^ len.wrapping_mul(31)) % SLOTS];
        if (slot.0, slot.1) != (at, len) {
            *slot = (at, len, self.rules.verdict(constant));
        }
        slot.2
    }
}
