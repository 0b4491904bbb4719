//! Contexts in memory: for tests, and for applications that know their contexts themselves.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use trace_core::model::TenantId;

use super::{ContextProvider, ContextRecord, ProviderError};
use crate::context::ContextRef;

type Contexts = HashMap<(TenantId, ContextRef), ContextRecord>;

/// Contexts in memory. Clones share the content.
#[derive(Clone, Debug, Default)]
pub struct InMemoryContextProvider(Arc<RwLock<Contexts>>);

impl InMemoryContextProvider {
    /// One without contexts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a context, and returns the one it replaces.
    pub fn insert(&self, tenant: &TenantId, record: ContextRecord) -> Option<ContextRecord> {
        let key = (tenant.clone(), record.context.clone());
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, record)
    }

    /// Adds an MPLP v1 Context object, and returns its id.
    ///
    /// # Errors
    /// [`ProviderError::Decode`], as [`ContextRecord::from_v1_json`].
    pub fn insert_v1_json(&self, tenant: &TenantId, json: &[u8]) -> Result<ContextRef, ProviderError> {
        let record = ContextRecord::from_v1_json(json)?;
        let context = record.context.clone();
        self.insert(tenant, record);
        Ok(context)
    }

    /// Removes a context, and returns it if it was there.
    pub fn remove(&self, tenant: &TenantId, context: &ContextRef) -> Option<ContextRecord> {
        let key = (tenant.clone(), context.clone());
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }

    /// How many contexts there are.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[async_trait]
impl ContextProvider for InMemoryContextProvider {
    async fn context(&self, tenant: &TenantId, id: &ContextRef) -> Result<ContextRecord, ProviderError> {
        let contexts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        contexts
            .get(&(tenant.clone(), id.clone()))
            .cloned()
            .ok_or_else(|| ProviderError::NotFound(id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_sees_its_own_contexts_only() {
        let provider = InMemoryContextProvider::new();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let id: ContextRef = "ctx-1".parse().unwrap();
        assert!(provider.insert(&a, ContextRecord::new(id.clone())).is_none());
        assert_eq!(provider.context(&a, &id).await.unwrap().context, id);
        assert_eq!(provider.context(&b, &id).await, Err(ProviderError::NotFound(id.clone())));
        assert!(provider.remove(&b, &id).is_none() && provider.remove(&a, &id).is_some());
        assert!(provider.is_empty());
    }
}
