//! The thin runtime around the engine: one thread with its own event loop, one task for each channel.

mod builder;
mod driver;
mod handle;
#[cfg(test)]
mod tests;
mod worker;

pub use builder::AlertRouterBuilder;
pub use handle::AlertRouter;
