//! Spans, metrics and log records as readable text, for a terminal or a file.
//!
//! The text is for people and may change; it is not an interface for programs.

mod line;
mod log_text;
mod metric_text;
mod paint;
mod span_tree;

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Stderr, Stdout, Write};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use trace_core::batch::SpanBatch;
use trace_core::model::{LogBatch, MetricBatch};
use trace_core::signal::{ExportError, LogExporter, MetricExporter, SpanExporter};

use paint::Page;

/// Writes spans as one indented tree a trace, metrics as one line a series, log records as one line each.
///
/// Durations stand below each other. Plain text of whole lines unless [`colour_on_terminal`](Self::colour_on_terminal) is
/// called; then on a terminal lines end where it does, and bars show when each span ran if it has 100 columns. Control characters in recorded
/// texts are shown escaped, so that they cannot drive a terminal. A trace that arrives in several batches is
/// shown in several trees.
///
/// ```
/// use trace_exporters::console::ConsoleExporter;
/// let to_terminal = ConsoleExporter::stdout().colour_on_terminal();
/// let to_memory = ConsoleExporter::new(Vec::new());
/// # let _ = (to_terminal, to_memory);
/// ```
pub struct ConsoleExporter<W> {
    out: Mutex<W>,
    page: Page,
    /// Where to ask for the width before each batch.
    on_terminal: bool,
}

impl<W: Write + Send> ConsoleExporter<W> {
    /// Writes plain text to `out`.
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out), page: Page::PLAIN, on_terminal: false }
    }

    /// Cuts lines to so many columns.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        (self.page.width, self.on_terminal) = (Some(columns), false);
        self
    }

    fn page(&self) -> Page {
        let asked = self.on_terminal.then(terminal_size::terminal_size).flatten();
        Page { width: asked.map(|(width, _)| width.0.into()).or(self.page.width), ..self.page }
    }

    /// The writer, such as a buffer to look into.
    pub fn into_inner(self) -> W {
        self.out.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write a batch, so that lines of other writers do not fall between.
    fn write(&self, text: &str) -> Result<(), ExportError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
    }

    fn flush_writer(&self) -> Result<(), ExportError> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).flush().map_err(failed)
    }
}

impl ConsoleExporter<Stdout> {
    /// Writes plain text to the standard output.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl ConsoleExporter<Stderr> {
    /// Writes plain text to the standard error.
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }
}

impl<W: Write + Send + IsTerminal> ConsoleExporter<W> {
    /// Uses colours if the writer is a terminal and `NO_COLOR` is not set (<https://no-color.org>), and the terminal's
    /// width at each batch.
    #[must_use]
    pub fn colour_on_terminal(mut self) -> Self {
        let terminal = self.out.get_mut().unwrap_or_else(PoisonError::into_inner).is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        self.page.colours = terminal && !refused;
        self.on_terminal = terminal;
        self
    }
}

/// Part of a batch may be on the screen: offering it again would show it twice.
fn failed(error: io::Error) -> ExportError {
    let text = match error.kind() {
        ErrorKind::BrokenPipe => "the console's reader has gone",
        _ => "cannot write to the console",
    };
    ExportError::permanent(text).caused_by(error)
}

#[async_trait]
impl<W: Write + Send> SpanExporter for ConsoleExporter<W> {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.write(&span_tree::render(batch, self.page()))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.flush_writer()
    }
}

#[async_trait]
impl<W: Write + Send> MetricExporter for ConsoleExporter<W> {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        self.write(&metric_text::render(batch, self.page()))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.flush_writer()
    }
}

#[async_trait]
impl<W: Write + Send> LogExporter for ConsoleExporter<W> {
    async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
        self.write(&log_text::render(batch, self.page()))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.flush_writer()
    }
}

impl<W> fmt::Debug for ConsoleExporter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleExporter").field("page", &self.page).finish_non_exhaustive()
    }
}
