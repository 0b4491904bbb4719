//! OpenTelemetry names and units as Prometheus names.
//!
//! Rules: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility"; unit words as in Prometheus'
//! own `otlptranslator`.

use std::borrow::Cow;

use super::config::TranslationStrategy;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down: a sum that may shrink.
    UpDownCounter,
    /// A last value.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

impl Kind {
    /// The word of a `TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::UpDownCounter | Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The name of a metric family: characters cleaned, unit as a word, `_total` for counters.
///
/// ```
/// use trace_exporters::prometheus::{Kind, metric_name};
/// assert_eq!(metric_name("http.server.request.duration", "s", Kind::Histogram), "http_server_request_duration_seconds");
/// assert_eq!(metric_name("requests_total", "{request}", Kind::Counter), "requests_total");
/// ```
pub fn metric_name(name: &str, unit: &str, kind: Kind) -> String {
    TranslationStrategy::default().metric_name(name, unit, kind).0
}

impl TranslationStrategy {
    /// The name of a metric family, and the word for its unit that the name ends with, before `_total`.
    pub(super) fn metric_name(self, name: &str, unit: &str, kind: Kind) -> (String, Option<String>) {
        let mut out = match self.cleans() {
            true => clean(name, |c| c.is_ascii_alphanumeric() || c == ':').into_owned(),
            false if name.is_empty() => "_".to_owned(),
            false => name.to_owned(),
        };
        if !self.has_suffixes() {
            return (out, None);
        }
        if kind == Kind::Counter
            && let Some(stem) =
                ["_total", ".total"].iter().find_map(|t| out.strip_suffix(t)).filter(|s| !s.is_empty())
        {
            out.truncate(stem.len());
        }
        let word = unit_word(unit, kind);
        if let Some(word) = &word
            && !ends_with_word(&out, word)
        {
            push_word(&mut out, word);
        }
        let word = word.filter(|w| out.strip_suffix(w.as_str()).is_some_and(|stem| stem.ends_with('_')));
        if kind == Kind::Counter && !ends_with_word(&out, "total") {
            push_word(&mut out, "total");
        }
        (out, word)
    }
}

/// The name of a label: letters, digits and single underscores.
pub fn label_name(key: &str) -> Cow<'_, str> {
    clean(key, |c| c.is_ascii_alphanumeric())
}

fn ends_with_word(name: &str, word: &str) -> bool {
    name.strip_suffix(word).is_some_and(|stem| stem.is_empty() || stem.ends_with(['_', '.']))
}

fn push_word(name: &mut String, word: &str) {
    if !name.ends_with('_') {
        name.push('_');
    }
    name.push_str(word);
}

/// Everything not `allowed` becomes `_`, runs of `_` become one, a leading digit gets one in front.
fn clean(text: &str, allowed: impl Fn(char) -> bool) -> Cow<'_, str> {
    let starts_well = text.starts_with(|c: char| !c.is_ascii_digit());
    if starts_well && !text.contains("__") && text.chars().all(|c| allowed(c) || c == '_') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 1);
    if !starts_well {
        out.push('_');
    }
    for c in text.chars() {
        if allowed(c) {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    Cow::Owned(out)
}

/// The words for a UCUM unit, or `None` if it adds nothing to a name.
fn unit_word(unit: &str, kind: Kind) -> Option<String> {
    if unit == "1" {
        // Counters of things often carry the unit 1 as well, and are no ratios.
        return (kind == Kind::Gauge).then(|| "ratio".to_owned());
    }
    let bare = without_annotations(unit);
    let (main, per) = bare.split_once('/').map_or((bare.as_str(), None), |(m, p)| (m, Some(p)));
    let main = word(main.trim(), MAIN);
    match per.and_then(|p| word(p.trim(), PER)) {
        None => main,
        Some(per) => Some(main.map_or_else(|| format!("per_{per}"), |m| format!("{m}_per_{per}"))),
    }
}

/// The unit without its parts in braces, such as `{request}`.
fn without_annotations(unit: &str) -> String {
    let mut depth = 0usize;
    unit.chars()
        .filter(|c| match c {
            '{' => {
                depth += 1;
                false
            }
            '}' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

fn word(unit: &str, table: &[(&str, &str)]) -> Option<String> {
    if unit.is_empty() || unit == "1" {
        return None;
    }
    if let Some((_, word)) = table.iter().find(|(u, _)| *u == unit) {
        return Some((*word).to_owned());
    }
    // Not clean(): a unit stands behind a name, so that a leading digit is fine and outer underscores are not.
    let words: Vec<&str> =
        unit.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("_"))
}

const MAIN: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("kBy", "kilobytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

const PER: &[(&str, &str)] = &[
    ("s", "second"),
    ("m", "minute"),
    ("min", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_rules() {
        use Kind::*;
        for (name, unit, kind, expected) in [
            ("http.server.request.duration", "s", Histogram, "http_server_request_duration_seconds"),
            ("requests", "", Counter, "requests_total"),
            ("requests_total", "", Counter, "requests_total"),
            ("requests.total", "{request}", Counter, "requests_total"),
            ("cache_hits", "1", Counter, "cache_hits_total"),
            ("cache.hit.rate", "1", Gauge, "cache_hit_rate_ratio"),
            ("queue.length", "1", UpDownCounter, "queue_length"),
            ("request_duration_seconds", "s", Histogram, "request_duration_seconds"),
            ("io_total", "By", Counter, "io_bytes_total"),
            ("io.bytes.total", "By", Counter, "io_bytes_total"),
            ("disk", "kBy", Gauge, "disk_kilobytes"),
            ("speed", "m/s", Gauge, "speed_meters_per_second"),
            ("rate", "{request}/s", Gauge, "rate_per_second"),
            ("rate", "1/min", Gauge, "rate_per_minute"),
            ("load", "%", Gauge, "load_percent"),
            ("milliseconds", "s", Gauge, "milliseconds_seconds"),
            ("weight", "[lb_av]", Gauge, "weight_lb_av"),
            ("2xx", "", Counter, "_2xx_total"),
            ("a..b--c__d:e", "", Gauge, "a_b_c_d:e"),
            ("trailing.", "s", Gauge, "trailing_seconds"),
            ("über", "", Gauge, "_ber"),
            ("total", "", Counter, "total"),
            ("_total", "", Counter, "_total"),
            ("x", "{open", Gauge, "x"),
        ] {
            assert_eq!(metric_name(name, unit, kind), expected, "{name} {unit} {kind:?}");
        }
    }

    #[test]
    fn each_strategy_names_in_its_own_way() {
        let all = |name, unit, kind| {
            [
                TranslationStrategy::UnderscoreEscapingWithSuffixes,
                TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
                TranslationStrategy::NoUtf8EscapingWithSuffixes,
                TranslationStrategy::NoTranslation,
            ]
            .map(|s| s.metric_name(name, unit, kind).0)
        };
        assert_eq!(
            all("foo.bar", "By", Kind::Counter),
            ["foo_bar_bytes_total", "foo_bar", "foo.bar_bytes_total", "foo.bar"]
        );
        assert_eq!(
            all("requests.total", "{request}", Kind::Counter),
            ["requests_total", "requests_total", "requests_total", "requests.total"]
        );
        assert_eq!(all("io.bytes", "By", Kind::Gauge), ["io_bytes", "io_bytes", "io.bytes", "io.bytes"]);
        assert_eq!(all("", "", Kind::Gauge), ["_"; 4]);
    }

    #[test]
    fn a_unit_is_told_only_where_the_name_ends_with_it() {
        let unit = |name, unit| TranslationStrategy::default().metric_name(name, unit, Kind::Counter).1;
        assert_eq!(unit("io", "By").as_deref(), Some("bytes"));
        assert_eq!(unit("io.bytes.total", "By").as_deref(), Some("bytes"));
        assert_eq!(unit("requests", "{request}"), None);
        assert_eq!(unit("bytes", "By"), None);
    }

    #[test]
    fn label_names_have_no_colon_and_no_reserved_form() {
        assert_eq!(label_name("http.route"), "http_route");
        assert_eq!(label_name("a:b"), "a_b");
        assert_eq!(label_name("__name__"), "_name_");
        assert_eq!(label_name("0x"), "_0x");
        assert_eq!(label_name(""), "_");
        assert!(matches!(label_name("plain_1"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_prometheus_takes(name in "\\PC{0,30}", unit in "\\PC{0,10}", key in "\\PC{0,20}") {
            for kind in [Kind::Counter, Kind::UpDownCounter, Kind::Gauge, Kind::Histogram] {
                let out = metric_name(&name, &unit, kind);
                let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                prop_assert!(!out.is_empty() && out.chars().all(ok), "{}", out);
                prop_assert!(!out.starts_with(|c: char| c.is_ascii_digit()) && !out.contains("__"), "{}", out);
                prop_assert!(kind != Kind::Counter || out.ends_with("total"), "{}", out);
            }
            let label = label_name(&key);
            prop_assert!(label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", label);
            prop_assert!(!label.is_empty() && !label.starts_with("__") && !label.starts_with(|c: char| c.is_ascii_digit()));
        }

        #[test]
        fn naming_again_changes_nothing(name in "[a-z._0-9]{1,20}", unit in "s|By|1|m/s|\\{x\\}|") {
            for kind in [Kind::Counter, Kind::Gauge, Kind::Histogram] {
                let once = metric_name(&name, &unit, kind);
                prop_assert_eq!(metric_name(&once, &unit, kind), once);
            }
        }
    }
}
