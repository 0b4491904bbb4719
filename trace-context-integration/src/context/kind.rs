//! What sort of context it is, and how closely it is watched.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How the agents of a context work together. Text on the wire, in snake case.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContextType {
    /// Nobody said.
    #[default]
    Unspecified,
    /// Agents share the work.
    Collaborative,
    /// One after the other.
    Sequential,
    /// Side by side.
    Parallel,
    /// Under a leader.
    Hierarchical,
    /// As equals.
    PeerToPeer,
    /// One to all.
    Broadcast,
    /// In stages.
    Pipeline,
    /// Anything else.
    Other(String),
}

impl ContextType {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Collaborative => "collaborative",
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
            Self::Hierarchical => "hierarchical",
            Self::PeerToPeer => "peer_to_peer",
            Self::Broadcast => "broadcast",
            Self::Pipeline => "pipeline",
            Self::Other(s) => s,
        }
    }
}

impl From<&str> for ContextType {
    fn from(s: &str) -> Self {
        match s {
            "" | "unspecified" => Self::Unspecified,
            "collaborative" => Self::Collaborative,
            "sequential" => Self::Sequential,
            "parallel" => Self::Parallel,
            "hierarchical" => Self::Hierarchical,
            "peer_to_peer" | "peer-to-peer" => Self::PeerToPeer,
            "broadcast" => Self::Broadcast,
            "pipeline" => Self::Pipeline,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for ContextType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ContextType {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// The longest name of a type that is read, in bytes: it becomes part of metric series.
const MAX_TYPE: usize = 64;

impl<'de> Deserialize<'de> for ContextType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        if name.len() > MAX_TYPE {
            return Err(de::Error::custom(format_args!(
                "context type is {} bytes long, at most {MAX_TYPE} are read",
                name.len()
            )));
        }
        Ok(Self::from(name.as_str()))
    }
}

/// How much a context trace records. Ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MonitoringLevel {
    /// Identity, duration and outcome.
    #[default]
    Basic,
    /// Also the amounts of work and the resources that the operation reports.
    Detailed,
    /// Also what the analysis found: verdict and bottleneck.
    Comprehensive,
}

/// A text is no monitoring level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("monitoring level {0:?} is none of: basic, detailed, comprehensive")]
pub struct ParseMonitoringLevelError(String);

impl MonitoringLevel {
    /// The canonical lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Detailed => "detailed",
            Self::Comprehensive => "comprehensive",
        }
    }
}

impl FromStr for MonitoringLevel {
    type Err = ParseMonitoringLevelError;

    fn from_str(s: &str) -> Result<Self, ParseMonitoringLevelError> {
        match s.to_ascii_lowercase().as_str() {
            "basic" => Ok(Self::Basic),
            "detailed" => Ok(Self::Detailed),
            "comprehensive" => Ok(Self::Comprehensive),
            _ => Err(ParseMonitoringLevelError(s.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for MonitoringLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for MonitoringLevel {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MonitoringLevel {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}
