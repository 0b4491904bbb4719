//! Adds attributes to the resource of every batch.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::SpanBatchMut;
use crate::model::{LogBatchMut, Resource};
use crate::signal::SpanProcessor;

/// Merges a fixed resource with that of every batch: useful for batches that other processes sent. The recorder's own
/// resource is better completed once, before the start.
#[derive(Debug)]
pub struct ResourceProcessor {
    added: Resource,
    replaces: bool,
    last: LastResource,
}

impl ResourceProcessor {
    /// Where both have a key, the batch's own value stays.
    pub fn filling(added: Resource) -> Self {
        Self { added, replaces: false, last: LastResource::default() }
    }

    /// Where both have a key, the batch gets the value of `added`.
    pub fn replacing(added: Resource) -> Self {
        Self { added, replaces: true, last: LastResource::default() }
    }
}

impl ResourceProcessor {
    fn merged(&self, own: &Arc<Resource>) -> Arc<Resource> {
        self.last
            .of(own, |own| Some(if self.replaces { own.merge(&self.added) } else { self.added.merge(own) }))
    }
}

impl SpanProcessor for ResourceProcessor {
    fn process(&self, batch: &mut SpanBatchMut) {
        batch.set_resource(self.merged(batch.resource()));
    }

    fn process_logs(&self, batch: &mut LogBatchMut) {
        batch.resource = self.merged(&batch.resource);
    }
}

/// The last resource and what was made of it: most batches of a process have the same one.
#[derive(Debug, Default)]
pub(super) struct LastResource(Mutex<Option<(Arc<Resource>, Arc<Resource>)>>);

impl LastResource {
    /// What `change` makes of a resource; `None` leaves it as it is.
    pub(super) fn of(
        &self,
        own: &Arc<Resource>,
        change: impl FnOnce(&Resource) -> Option<Resource>,
    ) -> Arc<Resource> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = last.as_ref().filter(|(from, _)| Arc::ptr_eq(from, own)) {
            return made.clone();
        }
        let made = change(own).map_or_else(|| own.clone(), Arc::new);
        *last = Some((own.clone(), made.clone()));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyValue, Value};

    #[test]
    fn the_own_value_stays_or_goes_as_asked() {
        let added = || Resource::new([KeyValue::new("service.name", "b"), KeyValue::new("region", "eu")]);
        for (processor, name) in
            [(ResourceProcessor::filling(added()), "a"), (ResourceProcessor::replacing(added()), "b")]
        {
            let own = Arc::new(Resource::service("a"));
            let (mut first, mut second) = (SpanBatchMut::new(own.clone()), SpanBatchMut::new(own));
            processor.process(&mut first);
            processor.process(&mut second);
            assert_eq!(first.resource().service_name(), name);
            assert_eq!(first.resource().attributes.get("region"), Some(&Value::from("eu")));
            assert!(Arc::ptr_eq(first.resource(), second.resource()), "made once");
        }
    }
}
