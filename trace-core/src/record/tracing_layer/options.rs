//! What a layer records besides what the program says.

use tracing::Metadata;
use tracing_subscriber::filter::LevelFilter;

use crate::batch::Text;
use crate::record::draft::Draft;

/// The choices of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) location: bool,
    pub(super) level: bool,
    pub(super) target: bool,
    pub(super) thread_name: bool,
    pub(super) events: LevelFilter,
}

impl Default for Options {
    fn default() -> Self {
        Self { location: false, level: false, target: false, thread_name: false, events: LevelFilter::TRACE }
    }
}

impl Options {
    /// Whether anything is added to a new span.
    #[inline]
    pub(super) fn describes(&self) -> bool {
        self.location || self.level || self.target || self.thread_name
    }

    /// Adds to a new span what was asked for.
    #[inline]
    pub(super) fn describe(&self, metadata: &Metadata<'static>, draft: &mut Draft) {
        if self.describes() {
            self.describe_all(metadata, draft);
        }
    }

    #[cold]
    fn describe_all(&self, metadata: &Metadata<'static>, draft: &mut Draft) {
        if self.level {
            draft.push_text("level", metadata.level().as_str());
        }
        if self.target {
            draft.push_text("target", metadata.target());
        }
        self.locate(metadata, draft);
        if self.thread_name
            && let Some(name) = std::thread::current().name()
        {
            draft.push_text("thread.name", name);
        }
    }

    /// Adds where a span or an event is in the source, if that was asked for.
    pub(super) fn locate(&self, metadata: &Metadata<'static>, draft: &mut Draft) {
        if !self.location {
            return;
        }
        if let Some(file) = metadata.file() {
            draft.push_text("code.file.path", file);
        }
        if let Some(line) = metadata.line() {
            draft.push_attribute(Text::fixed("code.line.number"), crate::batch::Cell::i64(line.into()));
        }
        if let Some(module) = metadata.module_path() {
            draft.push_text("code.module.name", module);
        }
    }
}
