//! A Trace document, field by field as `mplp-trace.schema.json` of protocol 1.0.0 has them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) type Object = Map<String, Value>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trace {
    /// Tools put it at the top of examples; the schema knows no such field, so that none is written.
    #[serde(rename = "$comment", default, skip_serializing)]
    pub(super) _comment: Option<String>,
    pub(super) meta: Object,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) governance: Option<Object>,
    pub(super) trace_id: String,
    pub(super) context_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan_id: Option<String>,
    pub(super) root_span: Root,
    pub(super) status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finished_at: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) segments: Vec<Segment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent_span_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context_id: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) attributes: Object,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    pub(super) segment_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent_segment_id: Option<String>,
    pub(super) label: String,
    pub(super) status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finished_at: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) attributes: Object,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) source: String,
    pub(super) timestamp: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Value>,
}
