//! Names and labels of any text: each exposition is read back, and where nothing is replaced, so are they.
//!
//! The first byte chooses strategy and escaping; then come name, unit, key and value, a line each.

#![no_main]

use std::borrow::Cow;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use trace_core::metric::LiveMetrics;
use trace_core::model::{
    AttributeSet, KeyValue, Metric, MetricBatch, MetricData, Number, NumberPoint, Resource, Scope,
    ScopeMetrics, Timestamp,
};
use trace_exporters::prometheus::{
    ContentType, Encoder, Escaping, ExpositionConfig, Format, TranslationStrategy,
};

const STRATEGIES: [TranslationStrategy; 4] = [
    TranslationStrategy::UnderscoreEscapingWithSuffixes,
    TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
    TranslationStrategy::NoUtf8EscapingWithSuffixes,
    TranslationStrategy::NoTranslation,
];
const ESCAPINGS: [Escaping; 4] =
    [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values];

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut lines = text.splitn(4, '\n');
    let [name, unit, key, value] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let strategy = STRATEGIES[usize::from(choice & 3)];
    let escaping = ESCAPINGS[usize::from(choice >> 2 & 3)];
    let format = if choice & 16 == 0 { Format::Text100 } else { Format::OpenMetrics100 };

    let mut config = ExpositionConfig::default().translated(strategy);
    (config.scope_labels, config.target_info) = (false, false);
    let batch = batch(name, unit, key, value);
    let mut out = Vec::new();
    let report =
        Encoder::new(config).encode(&LiveMetrics::from(&batch), ContentType::new(format, escaping), &mut out);
    let out = String::from_utf8(out).expect("text was text before");
    if report.dropped_series() > 0 {
        return;
    }
    let samples: Vec<&str> = out.lines().filter(|line| !line.starts_with('#')).collect();
    let [sample] = samples[..] else { panic!("one sample, not {out:?}") };
    let (found, labels) = read(sample).unwrap_or_else(|| panic!("cannot be read: {sample:?}"));
    assert!(escaping == Escaping::AllowUtf8 || is_legacy(&found), "{found:?}");

    match labels.as_slice() {
        [] => assert!(value.is_empty()),
        [(_, found)] => assert_eq!(*found, value.replace('\0', "\u{fffd}")),
        more => panic!("{more:?}"),
    }
    let keeps = strategy == TranslationStrategy::NoTranslation && name != "";
    if keeps && escaping == Escaping::AllowUtf8 {
        assert_eq!(found, name.replace('\0', "\u{fffd}"));
    }
    if keeps && escaping == Escaping::Values && !name.starts_with("U__") {
        assert_eq!(unescaped(&found).as_deref(), Some(name));
        if let [(label, _)] = labels.as_slice()
            && !key.is_empty()
            && !key.starts_with("U__")
            && !key.starts_with("__")
        {
            assert_eq!(unescaped(label).as_deref(), Some(key));
        }
    }
});

fn batch(name: &str, unit: &str, key: &str, value: &str) -> MetricBatch {
    let attributes: AttributeSet = [KeyValue::new(key.to_owned(), value.to_owned())].into_iter().collect();
    let point = NumberPoint {
        attributes: Arc::new(attributes),
        start: Timestamp::default(),
        time: Timestamp::from_unix_secs(1),
        value: Number::I64(1),
        exemplars: Vec::new(),
    };
    let metric = Metric {
        name: Cow::Owned(name.to_owned()),
        description: Cow::Borrowed(""),
        unit: Cow::Owned(unit.to_owned()),
        data: MetricData::Gauge { points: vec![point] },
    };
    let scope = ScopeMetrics { scope: Arc::new(Scope::named("lib")), metrics: vec![metric] };
    MetricBatch { resource: Arc::new(Resource::default()), scopes: vec![scope] }
}

type Labels = Vec<(String, String)>;

/// Name and labels of a sample whose value is 1.
fn read(line: &str) -> Option<(String, Labels)> {
    let line = line.strip_suffix(" 1")?;
    let Some((name, mut rest)) = line.split_once('{') else { return Some((line.to_owned(), Vec::new())) };
    let mut name = name.to_owned();
    let mut labels = Vec::new();
    while rest != "}" {
        let word = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted, &mut rest)?,
            None => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
                let (word, after) = rest.split_at(end);
                rest = after;
                word.to_owned()
            }
        };
        match rest.strip_prefix("=\"") {
            Some(quoted) => labels.push((word, unquoted(quoted, &mut rest)?)),
            // A name in quotes stands first.
            None if name.is_empty() && labels.is_empty() => name = word,
            None => return None,
        }
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None => rest,
        };
    }
    Some((name, labels))
}

/// The text before the closing quote, and what is behind that.
fn unquoted<'a>(text: &'a str, rest: &mut &'a str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &text[at + 1..];
                return Some(out);
            }
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                c @ ('\\' | '"') => out.push(c),
                _ => return None,
            },
            c => out.push(c),
        }
    }
    None
}

fn is_legacy(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// What a reader does with a name that [`Escaping::Values`] wrote.
fn unescaped(name: &str) -> Option<String> {
    let Some(mut rest) = name.strip_prefix("U__") else { return Some(name.to_owned()) };
    let mut out = String::new();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '_' {
            out.push(c);
        } else if let Some(after) = rest.strip_prefix('_') {
            out.push('_');
            rest = after;
        } else {
            let (digits, after) = rest.split_once('_')?;
            out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = after;
        }
    }
    Some(out)
}
