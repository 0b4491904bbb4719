//! Tenants across services that trust each other.

use super::{Baggage, Extracted, Extractor, Injector, Propagator};
use crate::model::{SpanContext, TenantId, TenantTag};

/// A format that also takes the tenant along, as the baggage member `mplp.tenant_id`: what a service does for a tenant
/// counts as that tenant's in the services that it calls. Around a format that carries baggage, such as
/// [`W3cPropagator`](super::W3cPropagator).
///
/// Headers prove nothing: use it where only services of yours can call. What strangers say of their tenant is
/// otherwise ignored: the member then is baggage like any other.
///
/// ```
/// use trace_core::propagate::{TenantBaggage, W3cPropagator, set_global};
///
/// set_global(TenantBaggage::new(W3cPropagator));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TenantBaggage<P>(P);

impl TenantBaggage<()> {
    /// The member of the baggage.
    pub const KEY: &'static str = "mplp.tenant_id";
}

impl<P: Propagator> TenantBaggage<P> {
    /// This format, with tenants.
    pub const fn new(format: P) -> Self {
        Self(format)
    }
}

const KEY: &str = TenantBaggage::KEY;

impl<P: Propagator> Propagator for TenantBaggage<P> {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let mut found = self.0.extract(carrier);
        let named = found.baggage.remove(KEY).and_then(|name| TenantId::new(&name).ok());
        if let Some(tenant) = named {
            found.tenant = TenantTag::of(&tenant);
            if let Some(context) = &mut found.context {
                context.tenant = found.tenant;
            }
        }
        found
    }

    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        let tenant = context.and_then(|c| c.tenant.name());
        if tenant.is_none() && baggage.get(KEY).is_none() {
            return self.0.inject(context, baggage, carrier);
        }
        let mut baggage = baggage.clone();
        baggage.remove(KEY);
        if let Some(tenant) = tenant {
            // A baggage without room for it is sent as it is.
            let _ = baggage.insert(KEY, tenant);
        }
        self.0.inject(context, &baggage, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        self.0.fields()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanId, TraceFlags, TraceId};
    use crate::propagate::W3cPropagator;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(baggage: &str) -> Vec<(String, String)> {
        let pairs = [("traceparent", PARENT), ("baggage", baggage)];
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_tenant_travels_beside_the_baggage_and_is_none_of_it() {
        let format = TenantBaggage::new(W3cPropagator);
        let found = format.extract(&headers("a=1,mplp.tenant_id=acme"));
        let context = found.context.unwrap();
        assert_eq!((context.tenant.name(), found.tenant), (Some("acme"), context.tenant));
        assert_eq!(found.baggage, Baggage::parse(["a=1"]));
        let mut out = headers("stale=1");
        format.inject(Some(&context), &Baggage::parse(["mplp.tenant_id=forged,a=1"]), &mut out);
        assert_eq!(out, headers("a=1,mplp.tenant_id=acme"));
        let none = SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED);
        format.inject(Some(&none), &Baggage::parse(["mplp.tenant_id=forged"]), &mut out);
        assert!(out.iter().all(|(name, _)| name != "baggage"), "{out:?}");
    }

    #[test]
    fn without_a_span_the_tenant_is_that_of_the_new_trace_and_a_bad_name_is_none() {
        let format = TenantBaggage::new(W3cPropagator);
        let alone = vec![("baggage".to_owned(), "mplp.tenant_id=acme".to_owned())];
        let found = format.extract(&alone);
        assert_eq!((found.context, found.tenant.name()), (None, Some("acme")));
        let bad = format.extract(&headers("mplp.tenant_id=no%20id"));
        assert!(bad.tenant.is_none() && bad.context.unwrap().tenant.is_none() && bad.baggage.is_empty());
    }

    #[test]
    fn by_itself_a_format_believes_nobody() {
        let found = W3cPropagator.extract(&headers("mplp.tenant_id=acme"));
        assert!(found.tenant.is_none() && found.context.unwrap().tenant.is_none());
        assert_eq!(found.baggage.get("mplp.tenant_id"), Some("acme"));
    }
}
