//! Where spans are recorded: a handle that applications share.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::builder::SpanBuilder;
use super::chunk::{Consumer, Slot};
use super::current::with_local;
use super::drain::Drain;
use super::open_spans::OpenSpans;
use super::process_id::Home;
use super::tenant_keys::TenantKeys;
use super::{OverflowPolicy, SpanLimits};
use crate::clock::Clock;
use crate::model::{Resource, Scope};
use crate::sample::{AlwaysOn, ParentBased};
use crate::signal::Sampler;

static GLOBAL: OnceLock<Recorder> = OnceLock::new();
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Where spans are recorded. Cheap to clone.
///
/// A recorder belongs to a [`crate::pipeline::Pipeline`], which takes the finished spans away; when the pipeline
/// shuts down, starting a span costs next to nothing and records nothing.
#[derive(Clone)]
pub struct Recorder(pub(super) Arc<Shared>, pub(super) OverflowPolicy);

pub(super) struct Shared {
    pub(super) id: u64,
    pub(super) clock: Clock,
    pub(super) sampler: Box<dyn Sampler>,
    /// The sampler need not be asked for children of local parents.
    pub(super) children_follow: bool,
    /// The sampler wants every span recorded.
    pub(super) records_all: bool,
    pub(super) limits: SpanLimits,
    pub(super) tenants: Arc<TenantKeys>,
    pub(super) resource: Arc<Resource>,
    pub(super) slots: Mutex<Vec<&'static Slot>>,
    /// Slots of threads that have ended.
    pub(super) free: Mutex<Vec<&'static Slot>>,
    pub(super) consumer: Arc<Consumer>,
    /// For threads whose own state is already gone.
    pub(super) fallback: &'static Slot,
    pub(super) home: Home,
    pub(super) open_too_long: Duration,
    pub(super) open_spans: Mutex<OpenSpans>,
    #[cfg(any(feature = "otel", feature = "tracing"))]
    pub(super) drafts: super::open_drafts::OpenDrafts,
    /// Rings asked for so far.
    pub(super) rings: AtomicUsize,
    pub(super) elsewhere: Elsewhere,
}

/// Counts of what happened outside of slots.
#[derive(Default)]
pub(super) struct Elsewhere {
    pub(super) after_shutdown: AtomicU64,
    pub(super) open_table_full: AtomicU64,
}

/// How many spans a recorder has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderCounts {
    /// Spans that were to be recorded, were started and had room.
    pub started: u64,
    /// Of these, ended.
    pub ended: u64,
    /// Spans that were to be recorded, and for which the thread's buffer had no room.
    pub buffer_full: u64,
    /// Spans started after the shutdown.
    pub after_shutdown: u64,
    /// Attributes, events and the like that were left out, because what the thread held was at its limit.
    pub edits_dropped: u64,
    /// Open spans that could not be kept because too many were open.
    pub open_table_full: u64,
}

/// Settings of a [`Recorder`].
#[derive(Default)]
pub struct RecorderBuilder {
    resource: Resource,
    sampler: Option<Box<dyn Sampler>>,
    limits: Option<SpanLimits>,
    clock: Option<Clock>,
    open_too_long: Option<Duration>,
    tenant_keys: Vec<String>,
}

impl RecorderBuilder {
    /// What produces the spans. Empty by default.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Which traces are recorded. By default all, except children of a remote parent that is not sampled.
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Some(Box::new(sampler));
        self
    }

    /// How much a span and a thread may hold.
    #[must_use]
    pub fn limits(mut self, limits: SpanLimits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Completes what was not set: the resource is filled up, and `limits` change the limits if none were given.
    pub(crate) fn or(mut self, resource: &Resource, limits: impl FnOnce(SpanLimits) -> SpanLimits) -> Self {
        self.resource = resource.merge(&self.resource);
        self.limits = Some(self.limits.unwrap_or_else(|| limits(SpanLimits::default())));
        self
    }

    /// The clock; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// When a span counts as open for too long; after ten minutes by default. It stays open, and is listed in
    /// [`Recorder::open_spans`].
    #[must_use]
    pub fn open_too_long(mut self, limit: Duration) -> Self {
        self.open_too_long = Some(limit);
        self
    }

    /// Attributes of a span that say whose it is, beside [`TenantId::ATTRIBUTE`](crate::model::TenantId::ATTRIBUTE), so
    /// that its children inherit that. Those of a pipeline's [`Tenancy`](crate::tenant::Tenancy) are added by themselves.
    #[must_use]
    pub fn tenant_attributes(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.tenant_keys.extend(keys);
        self
    }

    pub(crate) fn build(self) -> (Recorder, Drain) {
        let consumer = Arc::new(Consumer::default());
        let clock = self.clock.unwrap_or_default();
        let limits = self.limits.unwrap_or_default();
        let tenants = Arc::new(TenantKeys::new(self.tenant_keys));
        let fallback = Slot::leak(limits, clock.clone(), tenants.clone(), consumer.clone(), true);
        let sampler = self.sampler.unwrap_or_else(|| Box::new(ParentBased::new(AlwaysOn)));
        let (children_follow, records_all) = (sampler.follows_local_parents(), sampler.records_all());
        let recorder = Arc::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            clock,
            sampler,
            children_follow,
            records_all,
            limits,
            tenants,
            resource: Arc::new(self.resource),
            slots: Mutex::new(vec![fallback]),
            free: Mutex::default(),
            consumer,
            fallback,
            home: Home::here(),
            open_too_long: self.open_too_long.unwrap_or(OpenSpans::TOO_LONG),
            open_spans: Mutex::default(),
            #[cfg(any(feature = "otel", feature = "tracing"))]
            drafts: super::open_drafts::OpenDrafts::default(),
            rings: AtomicUsize::new(0),
            elsewhere: Elsewhere::default(),
        });
        let recorder = Recorder(recorder, OverflowPolicy::Drop);
        let drain = Drain::new(recorder.clone());
        (recorder, drain)
    }
}

impl Recorder {
    /// Default settings.
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder::default()
    }

    /// Makes this the recorder of every thread that has no default of its own. `false` if there is one already,
    /// which then stays.
    pub fn set_global(&self) -> bool {
        GLOBAL.set(self.clone()).is_ok()
    }

    /// Makes this the recorder of the calling thread until the guard is dropped.
    #[must_use = "the default ends with the guard"]
    pub fn set_thread_default(&self) -> DefaultGuard {
        let previous = with_local(|l| l.set_default(Some(self.clone()))).flatten();
        DefaultGuard { previous, not_send: std::marker::PhantomData }
    }

    /// Begins to describe a span of this name.
    pub fn span(&self, name: impl Into<std::borrow::Cow<'static, str>>) -> SpanBuilder<'_> {
        SpanBuilder::new(self, name.into())
    }

    /// The same recorder, with what whoever records through this handle does when the buffers are full. A handle that
    /// says nothing drops.
    #[must_use]
    pub fn with_overflow(&self, policy: OverflowPolicy) -> Self {
        Self(self.0.clone(), policy)
    }

    /// What produces the spans.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.0.resource
    }

    /// How much a span and a thread may hold.
    pub fn limits(&self) -> &SpanLimits {
        &self.0.limits
    }

    /// The clock that stamps them.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// How many spans there were.
    pub fn counts(&self) -> RecorderCounts {
        let mut c = RecorderCounts {
            after_shutdown: self.0.elsewhere.after_shutdown.load(Ordering::Relaxed),
            open_table_full: self.0.elsewhere.open_table_full.load(Ordering::Relaxed),
            ..RecorderCounts::default()
        };
        for slot in self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            slot.add_counts(&mut c);
        }
        // Opened on one thread, refused on another: only the sums agree.
        c.started = u64::try_from(c.started.cast_signed()).unwrap_or(0);
        c
    }

    /// The spans that have not ended, and which of them should have, as of the last second.
    pub fn open_spans(&self) -> OpenSpans {
        self.0.open_spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing is recorded from now on.
    pub(crate) fn close(&self) {
        self.0.consumer.close();
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.0.consumer.is_open()
    }
}

impl Shared {
    /// A slot that no other thread uses.
    pub(super) fn take_slot(&self) -> &'static Slot {
        if let Some(slot) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return slot;
        }
        let (tenants, consumer) = (self.tenants.clone(), self.consumer.clone());
        let slot = Slot::leak(self.limits, self.clock.clone(), tenants, consumer, false);
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        slot
    }

    /// Gives a slot to whoever needs one next.
    #[cfg(feature = "tracing")]
    pub(super) fn return_slot(&self, slot: &'static Slot) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }
}

impl Drop for Shared {
    /// Slots stay, for a span may still refer to them; what they hold goes. A slot that a thread still uses is emptied
    /// when the thread gives it up.
    fn drop(&mut self) {
        self.fallback.empty();
        for slot in self.free.get_mut().unwrap_or_else(PoisonError::into_inner).iter() {
            slot.empty();
        }
    }
}

/// The recorder of the calling thread: its own default, else the global one.
#[inline]
pub(super) fn or_default<'r>(given: Option<&'r Recorder>, own: &'r Option<Recorder>) -> Option<&'r Recorder> {
    given.or(own.as_ref()).or_else(|| GLOBAL.get())
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("service", &self.0.resource.service_name())
            .field("sampler", &self.0.sampler.description())
            .field("open", &self.is_open())
            .finish()
    }
}

impl fmt::Debug for RecorderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecorderBuilder").field("resource", &self.resource).finish_non_exhaustive()
    }
}

/// Restores the thread's previous default recorder when dropped.
#[derive(Debug)]
pub struct DefaultGuard {
    previous: Option<Recorder>,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for DefaultGuard {
    fn drop(&mut self) {
        let previous = self.previous.take();
        with_local(|l| l.set_default(previous));
    }
}

/// The scope of spans that say nothing about their library.
pub(super) static NO_SCOPE: Scope = Scope::from_static("", "");
