//! What is sent, and when.

use std::time::Duration;

use serde_json::{Value, json};

/// The agent that becomes slow.
pub(super) const SLOW_AGENT: &str = "research";
/// How long it is slow.
pub(super) const SLOW_FOR: Duration = Duration::from_secs(20);
/// Without an end, it becomes slow again after this time.
pub(super) const SLOW_EVERY: Duration = Duration::from_secs(120);
/// The mean time between two requests.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// How much more the slow agent has to do.
pub(super) const SLOW_FACTOR: u32 = 8;

struct Agent {
    name: &'static str,
    documents: u32,
    wait_ms: u32,
}

const RESEARCH: Agent = Agent { name: SLOW_AGENT, documents: 60, wait_ms: 12 };
const ANALYSIS: Agent = Agent { name: "analysis", documents: 90, wait_ms: 6 };
const WRITER: Agent = Agent { name: "writer", documents: 30, wait_ms: 9 };
const TRIAGE: Agent = Agent { name: "triage", documents: 20, wait_ms: 4 };

const WORKFLOWS: [(&str, [&Agent; 3]); 2] =
    [("report", [&RESEARCH, &ANALYSIS, &WRITER]), ("support", [&TRIAGE, &RESEARCH, &WRITER])];

/// The body of the n-th request.
pub(super) fn workflow(n: u64, slow: bool) -> Value {
    let (kind, agents) = &WORKFLOWS[(n % WORKFLOWS.len() as u64) as usize];
    let agents: Vec<Value> = agents
        .iter()
        .map(|agent| {
            let factor = if slow && agent.name == SLOW_AGENT { SLOW_FACTOR } else { 1 };
            json!({"name": agent.name, "documents": agent.documents * factor, "waitMs": agent.wait_ms * factor})
        })
        .collect();
    json!({
        "workflowId": format!("{kind}-{n}"),
        "workflowType": kind,
        "parallelTasks": 3,
        "resourceRequirements": {"cpuCores": 1, "memoryMb": 256, "storageMb": 64},
        "agents": agents,
    })
}

/// Whether the agent is slow at this time since the start.
pub(super) fn is_slow(since_start: Duration, slow_after: Duration) -> bool {
    match since_start.checked_sub(slow_after) {
        Some(since) => since.as_millis() % SLOW_EVERY.as_millis() < SLOW_FOR.as_millis(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_slow_at_the_announced_times() {
        let slow = |s| is_slow(Duration::from_secs(s), Duration::from_secs(26));
        assert_eq!([25, 26, 45, 46, 145, 146, 166].map(slow), [false, true, true, false, false, true, false]);
    }

    #[test]
    fn only_the_slow_agent_gets_more_to_do() {
        let waits = |slow| -> Vec<u64> {
            let body = workflow(0, slow);
            body["agents"].as_array().unwrap().iter().map(|a| a["waitMs"].as_u64().unwrap()).collect()
        };
        assert_eq!(waits(false), [12, 6, 9]);
        assert_eq!(waits(true), [96, 6, 9]);
    }
}
