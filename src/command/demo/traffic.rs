//! Sends requests at a steady rate with a little jitter.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{client, scene};

/// Requests under way at a time. When the server is slower than the traffic, requests wait here.
const MAX_OPEN: usize = 64;
const PATH: &str = "/api/v1/workflows/execute";

/// What the traffic does now, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Whether the slow agent is slow.
    pub(super) slow: AtomicBool,
    /// Whether nothing more is to be sent.
    pub(super) over: AtomicBool,
    pub(super) sent: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// Sends until it is over, then waits for the answers under way.
pub(super) async fn run(address: SocketAddr, traffic: Arc<Traffic>) {
    let places = Arc::new(Semaphore::new(MAX_OPEN));
    let mut open = JoinSet::new();
    for n in 0.. {
        if traffic.over.load(Ordering::Relaxed) {
            break;
        }
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let body = scene::workflow(n, traffic.slow.load(Ordering::Relaxed)).to_string();
        let traffic = traffic.clone();
        traffic.sent.fetch_add(1, Ordering::Relaxed);
        open.spawn(async move {
            if !matches!(client::post(address, PATH, body).await, Ok(200)) {
                traffic.failed.fetch_add(1, Ordering::Relaxed);
            }
            drop(place);
        });
        while open.try_join_next().is_some() {}
        tokio::time::sleep(pause(n)).await;
    }
    while open.join_next().await.is_some() {}
}

/// The mean pause, a fifth more or less. The golden ratio spreads the pauses evenly without a random source.
fn pause(n: u64) -> Duration {
    let spread = (n as f64 * 0.618_033_988_749_895).fract();
    scene::PAUSE.mul_f64(0.8 + 0.4 * spread)
}
