//! The work of one agent.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::AgentRequest;

/// What an agent found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Findings {
    /// Documents read.
    pub(super) documents: u32,
    /// A fingerprint of what was found: the same documents give the same one.
    pub(super) digest: u64,
}

#[derive(Deserialize)]
struct Document {
    title: String,
    words: Vec<String>,
    weight: f64,
}

const WORDS: [&str; 16] = [
    "agent", "plan", "trace", "span", "metric", "alert", "window", "baseline", "latency", "queue", "tool",
    "memory", "budget", "review", "source", "answer",
];

/// After so long without a pause other tasks get their turn.
const SLICE: Duration = Duration::from_micros(500);

/// Reads the documents that belong to `seed`, counts their words, ranks and hashes them, then waits for its tools.
pub(super) async fn work(request: &AgentRequest, seed: u64) -> Result<Findings, String> {
    let mut random = Random(seed | 1);
    let mut counts: HashMap<String, f64> = HashMap::new();
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut slice = Instant::now();
    let mut text = String::new();
    for n in 0..request.documents {
        write_document(&mut text, n, &mut random);
        let document: Document = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        digest = fnv1a(digest, document.title.as_bytes());
        for word in document.words {
            *counts.entry(word).or_default() += document.weight;
        }
        if slice.elapsed() > SLICE {
            tokio::task::yield_now().await;
            slice = Instant::now();
        }
    }
    let mut ranked: Vec<(String, f64)> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (word, weight) in &ranked {
        digest = fnv1a(fnv1a(digest, word.as_bytes()), &weight.to_le_bytes());
    }
    let wait = f64::from(request.wait_ms) * (0.9 + 0.2 * random.unit());
    tokio::time::sleep(Duration::from_secs_f64(wait / 1e3)).await;
    Ok(Findings { documents: request.documents, digest })
}

fn write_document(text: &mut String, n: u32, random: &mut Random) {
    text.clear();
    // Writing to a string cannot fail.
    let _ = write!(text, r#"{{"title":"document {n}","weight":{:.6},"words":["#, random.unit());
    for i in 0..24 {
        let comma = if i == 0 { "" } else { "," };
        let word = WORDS[(random.next() % WORDS.len() as u64) as usize];
        let _ = write!(text, "{comma}\"{word}\"");
    }
    text.push_str("]}");
}

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A seed that belongs to a text.
pub(super) fn seed(text: &str) -> u64 {
    fnv1a(0xcbf2_9ce4_8422_2325, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_documents_give_the_same_findings() {
        let request = AgentRequest { name: "a".into(), documents: 30, wait_ms: 50 };
        let before = tokio::time::Instant::now();
        let first = work(&request, seed("w-1")).await.unwrap();
        assert!(before.elapsed() >= Duration::from_millis(45));
        assert_eq!(first, work(&request, seed("w-1")).await.unwrap());
        assert_ne!(first.digest, work(&request, seed("w-2")).await.unwrap().digest);
    }
}
