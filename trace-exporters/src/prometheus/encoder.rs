//! Metrics to bytes in any of the formats.

use std::fmt;

use trace_core::metric::LiveMetrics;
use trace_core::model::MetricBatch;

use super::cache::Cache;
use super::config::ExpositionConfig;
use super::escape::Escaping;
use super::family::families;
use super::format::{ContentType, Format};
use super::label::Naming;
use super::page::{PAGE_BYTES, Page};
use super::report::{Conflict, Dropped, Report};
use super::text::{Sink, Style};
use super::{protobuf, text};

/// Forms of labels that are remembered: one for each format family and escaping that servers ask for.
const REMEMBERED_FORMS: usize = 3;

/// A collection as text, and what the text leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exposition {
    /// The text, ending in a newline; empty if there is nothing to say.
    pub text: String,
    /// What could not be shown, and why.
    pub dropped: Vec<Dropped>,
    /// Families whose metrics disagree in what they say about themselves.
    pub conflicts: Vec<Conflict>,
}

/// Writes a collection as text 0.0.4: `target_info` for the resource, then each family with its series.
///
/// Exponential histograms become histograms whose bounds are powers of the square root of two (or coarser, if they
/// are): the text format has no native histograms. Series carry the labels `otel_scope_*` of their library. Samples
/// carry no timestamps and no exemplars, which this format does not have.
///
/// ```
/// use std::sync::Arc;
/// use trace_core::model::{MetricBatch, Resource};
/// let batch = MetricBatch { resource: Arc::new(Resource::service("shop")), scopes: vec![] };
/// let text = trace_exporters::prometheus::encode(&batch).text;
/// assert!(text.ends_with("target_info{service_name=\"shop\"} 1\n"));
/// ```
pub fn encode(batch: &MetricBatch) -> Exposition {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(ExpositionConfig::default());
    let report = encoder.encode(&LiveMetrics::from(batch), ContentType::default(), &mut out);
    // Whatever was written was text before.
    let text = String::from_utf8(out).unwrap_or_default();
    Exposition { text, dropped: report.dropped, conflicts: report.conflicts }
}

/// Writes metrics in the format that is asked for.
///
/// It remembers the labels of series that keep their places ([`LiveMetric::id`](trace_core::metric::LiveMetric::id)),
/// so that the second exposition of a registry costs a fraction of the first.
pub struct Encoder {
    config: ExpositionConfig,
    /// By form, the latest first.
    caches: Vec<(Form, Cache)>,
    /// The memory of pieces of text.
    page: Option<Page>,
}

/// Where metrics are written to.
enum Out<'a> {
    /// Full pages are handed on.
    Text(&'a mut Page, Sink<'a>),
    /// After each family, what was written may be taken.
    Protobuf(&'a mut Vec<u8>, &'a mut dyn FnMut(&mut Vec<u8>)),
}

/// What the labels of a series depend on, besides the configuration.
#[derive(Clone, Copy, PartialEq)]
struct Form {
    escaping: Escaping,
    protobuf: bool,
}

impl Encoder {
    /// With nothing to remember yet.
    pub fn new(config: ExpositionConfig) -> Self {
        Self { config, caches: Vec::new(), page: None }
    }

    /// Appends all metrics.
    pub fn encode(&mut self, live: &LiveMetrics<'_>, asked: ContentType, out: &mut Vec<u8>) -> Report {
        if asked.format == Format::Protobuf {
            return self.run(live, asked, Out::Protobuf(out, &mut |_| {}));
        }
        self.text(live, asked, &mut |text| out.extend_from_slice(text))
    }

    /// Writes all metrics piece by piece, so that a large text is never held as a whole. In protobuf a family is a
    /// piece.
    ///
    /// # Errors
    /// The first that `to` returned; nothing is written after it.
    pub fn write(
        &mut self,
        live: &LiveMetrics<'_>,
        asked: ContentType,
        to: &mut dyn std::io::Write,
    ) -> std::io::Result<Report> {
        let mut result = Ok(());
        let mut sink = |piece: &[u8]| {
            if result.is_ok() {
                result = to.write_all(piece);
            }
        };
        let report = if asked.format == Format::Protobuf {
            let mut piece = Vec::new();
            let mut spill = |piece: &mut Vec<u8>| {
                sink(piece);
                piece.clear();
            };
            let report = self.run(live, asked, Out::Protobuf(&mut piece, &mut spill));
            spill(&mut piece);
            report
        } else {
            self.text(live, asked, &mut sink)
        };
        result.map(|()| report)
    }

    fn text(&mut self, live: &LiveMetrics<'_>, asked: ContentType, sink: Sink<'_>) -> Report {
        let mut page = self.page.take().unwrap_or_default();
        let report = self.run(live, asked, Out::Text(&mut page, sink));
        sink(page.as_slice());
        page.truncate(0);
        self.page = Some(page).filter(Page::is_small);
        report
    }

    fn run(&mut self, live: &LiveMetrics<'_>, asked: ContentType, mut out: Out<'_>) -> Report {
        let mut report = Report::default();
        let naming = Naming { strategy: self.config.translation_strategy, escaping: asked.escaping };
        let open = matches!(asked.format, Format::OpenMetrics001 | Format::OpenMetrics100);
        let protobuf = asked.format == Format::Protobuf;
        let style = Style::new(&self.config, naming, open);
        // A strategy that cleans names leaves nothing to escape.
        let escaping = if naming.strategy.cleans() { Escaping::default() } else { asked.escaping };
        let (form, mut cache) = self.take_cache(Form { escaping, protobuf });

        if self.config.target_info {
            let attributes = &live.resource.attributes;
            match &mut out {
                Out::Protobuf(out, _) => protobuf::write_target(attributes, naming, out),
                Out::Text(page, _) => text::write_target(attributes, style, page),
            }
        }
        let mut used = Vec::new();
        for family in families(live, naming, open, &mut report) {
            let mut labels = cache.take(&family);
            match &mut out {
                Out::Protobuf(out, spill) => {
                    protobuf::write_family(&family, style, &mut labels, out, &mut report);
                    if out.len() >= PAGE_BYTES {
                        spill(out);
                    }
                }
                Out::Text(page, sink) => {
                    text::write_family(&family, style, &mut labels, (page, sink), &mut report);
                }
            }
            used.push((family.name, labels));
        }
        if open && let Out::Text(page, _) = out {
            page.put_slice(b"# EOF\n");
        }
        cache.keep(used);
        self.caches.insert(0, (form, cache));
        self.caches.truncate(REMEMBERED_FORMS);
        report
    }

    fn take_cache(&mut self, form: Form) -> (Form, Cache) {
        match self.caches.iter().position(|(known, _)| *known == form) {
            Some(at) => self.caches.remove(at),
            None => (form, Cache::default()),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("config", &self.config).finish_non_exhaustive()
    }
}
