//! What is known about a context: its identity, its type, and how it wants to be monitored.

mod condition;
mod id;
mod info;
mod kind;
mod parse;
mod rule;
mod threshold;

pub use condition::{CmpOp, Condition};
pub use id::{ContextId, ContextRef, ParseContextIdError};
pub use info::{ContextInfo, FieldSources, ProfileSource};
pub use kind::{ContextType, MonitoringLevel, ParseMonitoringLevelError};
pub use parse::{MAX_CONDITION_DEPTH, MAX_CONDITION_LEN, ParseConditionError};
pub use rule::MonitoringRule;
pub use threshold::{AlertThresholds, Breach, BreachLevel, Direction, Limit};
