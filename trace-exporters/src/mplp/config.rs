//! Where Trace documents go.

use std::path::PathBuf;

use serde::Deserialize;

use super::id::Uuid;

/// Where Trace documents are written. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MplpConfig {
    /// The folder; it is made if it is not there. Default `mplp-traces`.
    pub folder: PathBuf,
    /// The Context of traces that name none by `mplp.context.id`: a UUID of version 4 in lower case. By default such
    /// traces are left out and counted.
    #[serde(alias = "contextId")]
    pub context_id: Option<String>,
    /// The most documents of the folder; traces beyond are left out and counted. Default 100 000.
    #[serde(alias = "maxDocuments")]
    pub max_documents: usize,
    /// The most spans of a document; those beyond are left out and counted. Default 10 000.
    #[serde(alias = "maxSpansPerDocument")]
    pub max_spans_per_document: usize,
}

/// A configuration that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MplpConfigError {
    /// The Context's id is none.
    #[error("context_id {found:?} is no UUID v4 in lower case, such as 550e8400-e29b-41d4-a716-446655440500")]
    Context {
        /// What was configured.
        found: String,
    },
    /// A limit is zero, so that nothing could be written.
    #[error("{field} is 0, so that nothing could be written")]
    Nothing {
        /// The name of the field.
        field: &'static str,
    },
    /// The folder cannot be made or read.
    #[error("folder {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

impl Default for MplpConfig {
    fn default() -> Self {
        Self {
            folder: "mplp-traces".into(),
            context_id: None,
            max_documents: 100_000,
            max_spans_per_document: 10_000,
        }
    }
}

impl MplpConfig {
    /// The defaults with another folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// Sets the Context of traces that name none.
    #[must_use]
    pub fn context_id(mut self, id: impl Into<String>) -> Self {
        self.context_id = Some(id.into());
        self
    }

    /// Checks everything that can be checked without the file system.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), MplpConfigError> {
        if let Some(found) = self.context_id.as_ref().filter(|id| Uuid::parse(id).is_none()) {
            return Err(MplpConfigError::Context { found: found.chars().take(64).collect() });
        }
        let limits =
            [("max_documents", self.max_documents), ("max_spans_per_document", self.max_spans_per_document)];
        match limits.into_iter().find(|(_, limit)| *limit == 0) {
            Some((field, _)) => Err(MplpConfigError::Nothing { field }),
            None => Ok(()),
        }
    }
}
