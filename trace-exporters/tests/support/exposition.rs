//! A strict reader of the text formats: what it does not take, a server might not either.

use std::collections::{BTreeMap, HashSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: String,
    /// Labels and value.
    pub exemplar: Option<(BTreeMap<String, String>, String)>,
}

/// One family with its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    pub name: String,
    pub kind: String,
    pub unit: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

/// Reads a whole exposition; `open` is OpenMetrics.
pub fn read(text: &str, open: bool) -> Result<Vec<Family>, String> {
    let text = if open { text.strip_suffix("# EOF\n").ok_or("no EOF")? } else { text };
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut families: Vec<Family> = Vec::new();
    let mut names = HashSet::new();
    let mut series = HashSet::new();
    for line in text.split_terminator('\n') {
        let fail = |why: &str| format!("{why}: {line:?}");
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').ok_or_else(|| fail("no word"))?;
            let (name, rest) = head_name(rest).ok_or_else(|| fail("no name"))?;
            if families.last().is_none_or(|f| f.name != name || !f.samples.is_empty()) {
                if !names.insert(name.clone()) {
                    return Err(fail("a family comes twice"));
                }
                families.push(Family { name, ..Family::default() });
            }
            let family = families.last_mut().ok_or_else(|| fail("no family"))?;
            let place = match word {
                "TYPE" => &mut family.kind,
                "UNIT" => &mut family.unit,
                "HELP" => &mut family.help,
                _ => return Err(fail("unknown word")),
            };
            if !std::mem::replace(place, rest.to_owned()).is_empty() {
                return Err(fail("said twice"));
            }
            continue;
        }
        let family = families.last_mut().ok_or_else(|| fail("no family"))?;
        let sample = sample(line, open).ok_or_else(|| fail("not a sample"))?;
        if !belongs(&sample.name, family, open) {
            return Err(fail("not of the family"));
        }
        if !series.insert((sample.name.clone(), sample.labels.clone())) {
            return Err(fail("a series comes twice"));
        }
        family.samples.push(sample);
    }
    match families.iter().find(|f| f.samples.is_empty() || f.kind.is_empty()) {
        Some(family) => Err(format!("a family without samples or type: {family:?}")),
        None => Ok(families),
    }
}

fn belongs(name: &str, family: &Family, open: bool) -> bool {
    let suffixes: &[&str] = match (&*family.kind, open) {
        ("histogram", false) => &["_bucket", "_sum", "_count"],
        ("histogram", true) => &["_bucket", "_sum", "_count", "_created"],
        ("counter", true) => &["_total", "_created"],
        ("info", true) => &["_info"],
        ("counter" | "gauge", false) | ("gauge" | "unknown", true) => &[""],
        _ => return false,
    };
    name.strip_prefix(&*family.name).is_some_and(|suffix| suffixes.contains(&suffix))
}

fn head_name(text: &str) -> Option<(String, &str)> {
    match text.strip_prefix('"') {
        Some(rest) => {
            let (name, rest) = quoted(rest)?;
            Some((name, rest.strip_prefix(' ')?))
        }
        None => {
            let (name, rest) = text.split_once(' ')?;
            is_legacy(name, true).then(|| (name.to_owned(), rest))
        }
    }
}

fn sample(line: &str, open: bool) -> Option<Sample> {
    let at = line.find(['{', ' '])?;
    let mut name = (at > 0).then(|| line[..at].to_owned());
    if name.as_ref().is_some_and(|n| !is_legacy(n, true)) {
        return None;
    }
    let mut labels = BTreeMap::new();
    let mut rest = &line[at..];
    if let Some(inner) = rest.strip_prefix('{') {
        let (found, quoted_name, after) = pairs(inner)?;
        labels = found;
        if let Some(quoted_name) = quoted_name {
            name.replace(quoted_name).is_none().then_some(())?;
        }
        rest = after;
    }
    let rest = rest.strip_prefix(' ')?;
    let (value, exemplar) = match rest.split_once(" # {") {
        None => (rest, None),
        Some((value, exemplar)) if open => {
            let (labels, none, after) = pairs(exemplar)?;
            let after = after.strip_prefix(' ')?;
            let (value_of, time) = after.split_once(' ')?;
            time.parse::<f64>().ok()?;
            value_of.parse::<f64>().ok()?;
            let chars: usize = labels.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
            (none.is_none() && chars <= 128).then_some(())?;
            (value, Some((labels, value_of.to_owned())))
        }
        Some(_) => return None,
    };
    value.parse::<f64>().ok()?;
    Some(Sample { name: name?, labels, value: value.to_owned(), exemplar })
}

type Pairs = BTreeMap<String, String>;

/// Labels up to the closing brace, a quoted name among them, and what follows.
fn pairs(mut rest: &str) -> Option<(Pairs, Option<String>, &str)> {
    let (mut labels, mut name) = (BTreeMap::new(), None);
    let mut first = true;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, name, after));
        }
        if !first {
            rest = rest.strip_prefix(',')?;
        }
        let key = match rest.strip_prefix('"') {
            Some(after) => {
                let (key, after) = quoted(after)?;
                rest = after;
                if !rest.starts_with('=') {
                    (first && name.replace(key).is_none()).then_some(())?;
                    first = false;
                    continue;
                }
                key
            }
            None => {
                let (key, _) = rest.split_once('=')?;
                rest = &rest[key.len()..];
                is_legacy(key, false).then(|| key.to_owned())?
            }
        };
        first = false;
        let (value, after) = quoted(rest.strip_prefix("=\"")?)?;
        rest = after;
        if key.starts_with("__") || value.contains('\0') || labels.insert(key, value).is_some() {
            return None;
        }
    }
}

/// A text up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[at + 1..])),
            '\\' => out.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            c => out.push(c),
        }
    }
    None
}

fn is_legacy(name: &str, colon: bool) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(ok)
}
