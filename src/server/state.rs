//! What every handler can reach.

use std::sync::Arc;

use super::live::LiveHub;
use super::workflow::WorkflowEngine;
use crate::module::TraceModule;

#[derive(Clone)]
pub(super) struct AppState {
    pub(super) module: Arc<TraceModule>,
    pub(super) live: Arc<LiveHub>,
    pub(super) workflows: Arc<WorkflowEngine>,
}
