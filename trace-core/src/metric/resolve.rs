//! Which streams an instrument has, by the views of the registry.

use super::aggregation::default_cell;
use super::descriptor::Descriptor;
use super::instrument::Advice;
use super::registry::Shared;
use super::stream::StreamSpec;
use super::{InstrumentWarning, View};
use crate::model::Scope;

/// The streams of an instrument: one for each view that selects it, or its own. Of views that lead to the same
/// stream one counts. None, if the views drop it.
pub(super) fn resolve(
    shared: &Shared,
    scope: &Scope,
    instrument: &Descriptor,
    advice: &Advice,
) -> Vec<StreamSpec> {
    let mut streams: Vec<StreamSpec> = Vec::new();
    let (mut dropped, mut unsuitable) = (false, false);
    for view in shared.views.iter().filter(|v| v.selects(instrument, scope)) {
        match view.aggregation.cell(instrument.kind, advice.bounds.as_deref()) {
            Ok(Some(cell)) => {
                let spec = StreamSpec {
                    descriptor: renamed(instrument, view),
                    cell,
                    allowed: view.keys.clone().or_else(|| advice.allowed.clone()),
                    limit: view.cardinality_limit.unwrap_or(shared.cardinality_limit),
                };
                if !streams.iter().any(|s| is_same(s, &spec)) {
                    streams.push(spec);
                }
            }
            Ok(None) => dropped = true,
            Err(_) => {
                unsuitable = true;
                shared.warn(InstrumentWarning::UnsuitableAggregation {
                    name: instrument.name.to_string(),
                    kind: instrument.kind,
                    aggregation: view.aggregation.clone(),
                });
            }
        }
    }
    if streams.is_empty() && (unsuitable || !dropped) {
        streams.push(StreamSpec {
            descriptor: instrument.clone(),
            cell: default_cell(instrument.kind, advice.bounds.as_deref()),
            allowed: advice.allowed.clone(),
            limit: shared.cardinality_limit,
        });
    }
    streams
}

fn renamed(instrument: &Descriptor, view: &View) -> Descriptor {
    Descriptor {
        name: view.new_name.clone().unwrap_or_else(|| instrument.name.clone()),
        description: view.new_description.clone().unwrap_or_else(|| instrument.description.clone()),
        ..instrument.clone()
    }
}

fn is_same(a: &StreamSpec, b: &StreamSpec) -> bool {
    a.descriptor.same_name(&b.descriptor)
        && a.descriptor.description == b.descriptor.description
        && a.cell == b.cell
        && a.allowed == b.allowed
}
