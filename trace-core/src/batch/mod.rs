//! Many spans in columns: what recording writes, processors change, and exporters read.
//!
//! [`SpanBatchMut`] is built and edited by one owner; [`SpanBatch`] is sealed, shared and cheap to clone and to
//! slice. Both hand out [`SpanRef`], a view that costs nothing to copy.

mod append;
mod attribute_cell;
mod columns;
mod copy;
mod edit;
mod keys;
mod pool;
mod rewrite;
mod scope_ref;
mod sealed;
mod template;
mod tenant;
mod view;
mod write;

#[cfg(feature = "otel")]
pub(crate) use attribute_cell::AttributeCell;
pub use columns::StatusCode;
pub(crate) use columns::{Cell, Columns, EventCell, LinkCell, List, NONE, Row, Text};
pub use edit::SpanBatchMut;
#[cfg(feature = "otel")]
pub(crate) use keys::is_same as is_same_key;
pub(crate) use pool::{Home, Pool};
pub use rewrite::Edit;
pub(crate) use scope_ref::ScopeRef;
pub use sealed::SpanBatch;
pub(crate) use template::Template;
pub use view::{Attributes, EventRef, LinkRef, SpanRef, StatusRef};
pub use write::{EventWriter, LinkWriter, SpanWriter};
