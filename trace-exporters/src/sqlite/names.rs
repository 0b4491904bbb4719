//! Which services and operations there are.

use std::collections::BTreeSet;

use trace_core::model::TenantId;
use trace_core::store::ReadError;

use super::readers::Readers;

pub(super) fn services(readers: &mut Readers, tenant: &TenantId) -> Result<Vec<String>, ReadError> {
    gather(readers, "SELECT DISTINCT service FROM names WHERE tenant = ?1", &[tenant.as_str()])
}

pub(super) fn operations(
    readers: &mut Readers,
    tenant: &TenantId,
    service: &str,
) -> Result<Vec<String>, ReadError> {
    gather(
        readers,
        "SELECT operation FROM names WHERE tenant = ?1 AND service = ?2",
        &[tenant.as_str(), service],
    )
}

fn gather(readers: &mut Readers, sql: &str, parameters: &[&str]) -> Result<Vec<String>, ReadError> {
    let mut names = BTreeSet::new();
    for hour in readers.catalog.hours() {
        names.extend(readers.with(hour, |reader| reader.names(sql, parameters))?.unwrap_or_default());
    }
    Ok(names.into_iter().collect())
}
