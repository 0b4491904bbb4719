//! What a successful operation says about itself.

use std::collections::BTreeMap;

/// What an operation did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutcomeMetrics {
    /// How much data, in the operation's own unit.
    pub data_processed: u64,
    /// How many pieces of work.
    pub operations_completed: u64,
    /// What it took, by name with the unit as suffix, such as `memory_usage_mb`. At most
    /// [`MAX_RESOURCES`](Self::MAX_RESOURCES) are looked at.
    pub resources_used: BTreeMap<String, f64>,
}

impl OutcomeMetrics {
    /// Resources of one operation that are looked at, in the order of their names.
    pub const MAX_RESOURCES: usize = 32;
}

/// A result that says what the operation did. Every method has a default, so a type that has nothing to say needs
/// one line: `impl OperationOutcome for Report {}`. For types of other crates see
/// [`MonitoringContextIntegration::monitor_with`](crate::MonitoringContextIntegration::monitor_with).
pub trait OperationOutcome {
    /// How much data, in the operation's own unit; 0 by default.
    fn data_processed(&self) -> u64 {
        0
    }

    /// How many pieces of work; 0 by default.
    fn operations_completed(&self) -> u64 {
        0
    }

    /// What it took, by name with the unit as suffix; nothing by default.
    fn resources_used(&self) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }
}

impl<T: OperationOutcome + ?Sized> From<&T> for OutcomeMetrics {
    fn from(outcome: &T) -> Self {
        Self {
            data_processed: outcome.data_processed(),
            operations_completed: outcome.operations_completed(),
            resources_used: outcome.resources_used(),
        }
    }
}

impl OperationOutcome for () {}
impl OperationOutcome for bool {}
impl OperationOutcome for String {}

impl<T: OperationOutcome> OperationOutcome for Option<T> {
    fn data_processed(&self) -> u64 {
        self.as_ref().map_or(0, T::data_processed)
    }
    fn operations_completed(&self) -> u64 {
        self.as_ref().map_or(0, T::operations_completed)
    }
    fn resources_used(&self) -> BTreeMap<String, f64> {
        self.as_ref().map(T::resources_used).unwrap_or_default()
    }
}

impl<T: OperationOutcome + ?Sized> OperationOutcome for Box<T> {
    fn data_processed(&self) -> u64 {
        (**self).data_processed()
    }
    fn operations_completed(&self) -> u64 {
        (**self).operations_completed()
    }
    fn resources_used(&self) -> BTreeMap<String, f64> {
        (**self).resources_used()
    }
}

impl OperationOutcome for OutcomeMetrics {
    fn data_processed(&self) -> u64 {
        self.data_processed
    }
    fn operations_completed(&self) -> u64 {
        self.operations_completed
    }
    fn resources_used(&self) -> BTreeMap<String, f64> {
        self.resources_used.clone()
    }
}
