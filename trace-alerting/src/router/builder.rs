//! Puts a router together.

use std::sync::Arc;
use std::sync::mpsc as blocking;

use tokio::sync::{broadcast, mpsc};
use trace_core::signal::Notifier;

use super::driver::Driver;
use super::handle::{AlertRouter, Shared};
use crate::engine::Engine;
use crate::{AlertConfig, ConfigError, Route};

/// Changes that a subscriber may be behind before it loses the oldest.
const SUBSCRIBER_CAPACITY: usize = 256;

/// Collects channels, routes and settings. See [`AlertRouter::builder`].
#[must_use = "a builder does nothing until `start`"]
#[derive(Default)]
pub struct AlertRouterBuilder {
    config: AlertConfig,
    channels: Vec<Arc<dyn Notifier>>,
    off: Vec<(String, String)>,
    routes: Vec<Route>,
    fallback: Option<Route>,
}

impl AlertRouterBuilder {
    /// Adds a channel; routes and records know it by its name.
    pub fn channel(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.channels.push(notifier);
        self
    }

    /// Adds a channel that is configured but can not be used, such as e-mail without a recipient. Routes may name
    /// it; records and health say the reason.
    pub fn channel_off(mut self, name: impl Into<String>, reason: impl Into<String>) -> Self {
        self.off.push((name.into(), reason.into()));
        self
    }

    /// Adds a route behind the others.
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Sets the route of alerts that no other route wants. Default: all channels.
    pub fn default_route(mut self, route: Route) -> Self {
        self.fallback = Some(route);
        self
    }

    /// Sets limits and times.
    pub fn config(mut self, config: AlertConfig) -> Self {
        self.config = config;
        self
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// Unusable settings, two channels of one name, routes to unknown channels, and no thread to be had.
    pub fn start(self) -> Result<AlertRouter, ConfigError> {
        let (mut router, driver) = self.parts()?;
        let (ended, end) = blocking::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| ConfigError::new("alerting", format!("can not start an event loop: {e}")))?;
        let thread = std::thread::Builder::new().name("trace-alerting".to_owned()).spawn(move || {
            runtime.block_on(driver.run());
            // A notifier may still block a thread; it must not hold the end.
            runtime.shutdown_background();
            drop(ended);
        });
        let thread =
            thread.map_err(|e| ConfigError::new("alerting", format!("can not start a thread: {e}")))?;
        router.attach(thread.thread().id(), end);
        Ok(router)
    }

    /// The handle and the event loop, not yet running.
    pub(super) fn parts(self) -> Result<(AlertRouter, Driver), ConfigError> {
        let names = self.channels.iter().map(|c| c.name().to_owned()).collect();
        let fallback = self.fallback.unwrap_or_else(|| Route::to(["*"]));
        let engine = Engine::new(self.config.clone(), names, self.off, self.routes, fallback)?;
        let shared = Arc::new(Shared::new(engine, &self.config));
        let (alerts_tx, alerts) = mpsc::channel(self.config.queue_capacity);
        let (control_tx, control) = mpsc::unbounded_channel();
        let (changes, _) = broadcast::channel(SUBSCRIBER_CAPACITY);
        let driver = Driver {
            shared: Arc::clone(&shared),
            alerts,
            control,
            changes: changes.clone(),
            notifiers: self.channels,
            attempt_timeout: self.config.attempt_timeout,
        };
        Ok((AlertRouter::new(shared, alerts_tx, control_tx, changes), driver))
    }
}
