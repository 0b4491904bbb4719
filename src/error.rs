//! What can be wrong with a configuration.

use std::fmt;

/// Problems kept of one configuration; the rest is only counted.
pub(crate) const MAX_REPORTED: usize = 100;

/// Everything that is wrong with a configuration, so that it can be put right in one go.
///
/// Displays as one line a problem. Never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    source_name: Option<String>,
    problems: Vec<ConfigProblem>,
    omitted: usize,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key concerned, such as `opentelemetry.tracing.samplingRate`, followed by the environment variable if
    /// the value came from one. Empty if the text as a whole is meant.
    pub path: String,
    /// What is wrong and what is allowed; continues the sentence that `path` begins.
    pub message: String,
}

/// Something that the configuration asks for and that will not happen as asked. It loads all the same, and the
/// component concerned should report itself as degraded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The key concerned, such as `alerting.notifications.email`.
    pub path: String,
    /// What will happen instead and what to do.
    pub message: String,
}

impl ConfigErrors {
    pub(crate) fn new(problems: Vec<ConfigProblem>, omitted: usize) -> Self {
        Self { source_name: None, problems, omitted }
    }

    /// One problem of the text as a whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self::new(vec![ConfigProblem { path: String::new(), message: message.into() }], 0)
    }

    pub(crate) fn in_source(mut self, name: impl Into<String>) -> Self {
        self.source_name = Some(name.into());
        self
    }

    /// The problems, in the order of the tree; the first 100 if there are more.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }

    /// How many further problems there are.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            if let Some(name) = &self.source_name {
                write!(f, "{name}: ")?;
            }
            write!(f, "{problem}")?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more problems", self.omitted)?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{} {}", self.path, self.message)
        }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
