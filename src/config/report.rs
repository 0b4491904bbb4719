//! Collects everything that is wrong, so that reading goes on after a problem.

use std::cell::RefCell;

use crate::error::{ConfigErrors, ConfigProblem, ConfigWarning, MAX_REPORTED};

#[derive(Default)]
pub(super) struct Report(RefCell<Found>);

#[derive(Default)]
struct Found {
    problems: Vec<ConfigProblem>,
    omitted: usize,
    warnings: Vec<ConfigWarning>,
}

impl Report {
    pub(super) fn error(&self, path: &str, message: impl Into<String>) {
        let mut found = self.0.borrow_mut();
        if found.problems.len() < MAX_REPORTED {
            found.problems.push(ConfigProblem { path: path.to_owned(), message: message.into() });
        } else {
            found.omitted += 1;
        }
    }

    pub(super) fn warning(&self, path: &str, message: impl Into<String>) {
        let mut found = self.0.borrow_mut();
        if found.warnings.len() < MAX_REPORTED {
            found.warnings.push(ConfigWarning { path: path.to_owned(), message: message.into() });
        }
    }

    pub(super) fn finish(self) -> Result<Vec<ConfigWarning>, ConfigErrors> {
        let found = self.0.into_inner();
        if found.problems.is_empty() {
            Ok(found.warnings)
        } else {
            Err(ConfigErrors::new(found.problems, found.omitted))
        }
    }
}
