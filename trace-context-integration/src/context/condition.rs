//! Conditions over measured values.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl CmpOp {
    /// The operator's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

/// A condition over measured values, such as `cpu_usage_percent > 90 OR memory_usage_percent > 95`.
///
/// Read it with [`FromStr`](std::str::FromStr); `NOT` binds tighter than `AND`, and `AND` tighter than `OR`.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A value against a constant.
    Cmp {
        /// The value's name.
        metric: String,
        /// How.
        op: CmpOp,
        /// The constant.
        value: f64,
    },
    /// All hold.
    And(Vec<Condition>),
    /// At least one holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// Whether the condition holds; `None` if that depends on a value that was not measured (Kleene's logic:
    /// `a > 1 OR b > 2` holds if `a` is 5, whatever `b`).
    pub fn evaluate(&self, measured: &dyn Fn(&str) -> Option<f64>) -> Option<bool> {
        match self {
            Self::Cmp { metric, op, value } => {
                measured(metric).filter(|m| !m.is_nan()).map(|m| op.holds(m, *value))
            }
            Self::And(all) => decide(all, measured, false),
            Self::Or(any) => decide(any, measured, true),
            Self::Not(c) => c.evaluate(measured).map(|b| !b),
        }
    }

    /// The first comparison that holds by itself: the reason to show for a condition that holds.
    pub fn witness(&self, measured: &dyn Fn(&str) -> Option<f64>) -> Option<(&str, f64, f64)> {
        match self {
            Self::Cmp { metric, op, value } => {
                measured(metric).filter(|m| op.holds(*m, *value)).map(|m| (metric.as_str(), m, *value))
            }
            Self::And(list) | Self::Or(list) => list.iter().find_map(|c| c.witness(measured)),
            Self::Not(_) => None,
        }
    }
}

/// The value of a list in which one `decisive` member decides.
fn decide(list: &[Condition], measured: &dyn Fn(&str) -> Option<f64>, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for c in list {
        match c.evaluate(measured) {
            Some(b) if b == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, list: &[Self], word: &str| {
            for (i, c) in list.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                match c {
                    Self::And(_) | Self::Or(_) => write!(f, "({c})")?,
                    _ => write!(f, "{c}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Cmp { metric, op, value } => write!(f, "{metric} {} {value}", op.as_str()),
            Self::And(all) => list(f, all, "AND"),
            Self::Or(any) => list(f, any, "OR"),
            Self::Not(c) => match **c {
                Self::And(_) | Self::Or(_) => write!(f, "NOT ({c})"),
                _ => write!(f, "NOT {c}"),
            },
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}
