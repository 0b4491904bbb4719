//! Loads configurations under a made-up environment.

use mplp_trace::config::{Format, Loaded, TraceConfig};
use mplp_trace::{ConfigErrors, ConfigWarning};

pub(crate) type Vars<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn load_as(text: &str, format: Format, vars: Vars<'_>) -> Result<Loaded, ConfigErrors> {
    TraceConfig::from_str(text, format, &|name| {
        vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    })
}

/// Loads YAML that must be right.
#[track_caller]
pub(crate) fn load(text: &str, vars: Vars<'_>) -> TraceConfig {
    load_with_warnings(text, vars).0
}

/// Loads YAML that must be right; the warnings as text.
#[track_caller]
pub(crate) fn load_with_warnings(text: &str, vars: Vars<'_>) -> (TraceConfig, Vec<String>) {
    match load_as(text, Format::Yaml, vars) {
        Ok((config, warnings)) => (config, warnings.iter().map(ConfigWarning::to_string).collect()),
        Err(e) => panic!("{e}"),
    }
}

/// Loads YAML that must be wrong; the problems as text.
#[track_caller]
pub(crate) fn problems(text: &str, vars: Vars<'_>) -> Vec<String> {
    load_as(text, Format::Yaml, vars).unwrap_err().problems().iter().map(ToString::to_string).collect()
}

/// The lines as one section under a dotted path.
pub(crate) fn at(path: &str, body: &str) -> String {
    let mut text = String::new();
    for (depth, key) in path.split('.').enumerate() {
        text.push_str(&format!("{}{key}:\n", "  ".repeat(depth)));
    }
    let indent = "  ".repeat(path.split('.').count());
    for line in body.lines() {
        text.push_str(&format!("{indent}{line}\n"));
    }
    text
}
