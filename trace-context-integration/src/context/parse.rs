//! Reads conditions. Total: every text is a condition or a precise error.

use std::str::FromStr;

use super::{CmpOp, Condition};

/// The longest condition, in bytes.
pub const MAX_CONDITION_LEN: usize = 4096;
/// How deep parentheses and `NOT` may be nested.
pub const MAX_CONDITION_DEPTH: usize = 32;

/// A text is no condition. Positions are bytes from the start of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseConditionError {
    /// Something else stands there.
    #[error("condition: expected {expected} at byte {at}, found {found}")]
    Unexpected {
        /// Where.
        at: usize,
        /// What could stand there.
        expected: &'static str,
        /// What stands there instead.
        found: String,
    },
    /// A number is too large to represent.
    #[error("condition: number at byte {at} is out of range")]
    NumberOutOfRange {
        /// Where.
        at: usize,
    },
    /// Nested over [`MAX_CONDITION_DEPTH`].
    #[error("condition: nested over {MAX_CONDITION_DEPTH} deep at byte {at}")]
    TooDeep {
        /// Where.
        at: usize,
    },
    /// Longer than [`MAX_CONDITION_LEN`].
    #[error("condition: {0} bytes long, at most {MAX_CONDITION_LEN} are read")]
    TooLong(usize),
}

impl FromStr for Condition {
    type Err = ParseConditionError;

    /// Grammar: `or = and {"OR" and}`, `and = not {"AND" not}`, `not = "NOT" not | "(" or ")" | name op number`.
    /// The words are read in any case; `op` is one of `> >= < <= == = !=`.
    fn from_str(text: &str) -> Result<Self, ParseConditionError> {
        if text.len() > MAX_CONDITION_LEN {
            return Err(ParseConditionError::TooLong(text.len()));
        }
        let mut p = Parser { text, at: 0 };
        let condition = p.any(0)?;
        p.skip_space();
        if p.at < text.len() {
            return Err(p.unexpected("`AND`, `OR` or the end"));
        }
        Ok(condition)
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Always on a character boundary.
    at: usize,
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn unexpected(&self, expected: &'static str) -> ParseConditionError {
        let found = match self.rest().chars().next() {
            None => "the end".to_owned(),
            Some(c) if in_name(c) => format!("`{}`", self.word().chars().take(32).collect::<String>()),
            Some(c) => format!("`{}`", c.escape_debug()),
        };
        ParseConditionError::Unexpected { at: self.at, expected, found }
    }

    /// The run of name characters at the current place; may be empty.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(|c| !in_name(c)).unwrap_or(rest.len())]
    }

    fn eat_word(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let found = self.word().eq_ignore_ascii_case(keyword);
        if found {
            self.at += keyword.len();
        }
        found
    }

    fn eat(&mut self, symbol: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Condition, ParseConditionError> {
        self.list(depth, "OR", |p| p.all(depth), Condition::Or)
    }

    fn all(&mut self, depth: usize) -> Result<Condition, ParseConditionError> {
        self.list(depth, "AND", |p| p.one(depth), Condition::And)
    }

    fn list(
        &mut self,
        depth: usize,
        word: &str,
        member: impl Fn(&mut Self) -> Result<Condition, ParseConditionError>,
        make: impl Fn(Vec<Condition>) -> Condition,
    ) -> Result<Condition, ParseConditionError> {
        if depth > MAX_CONDITION_DEPTH {
            return Err(ParseConditionError::TooDeep { at: self.at });
        }
        let first = member(self)?;
        if !self.eat_word(word) {
            return Ok(first);
        }
        let mut list = vec![first, member(self)?];
        while self.eat_word(word) {
            list.push(member(self)?);
        }
        Ok(make(list))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, ParseConditionError> {
        if depth > MAX_CONDITION_DEPTH {
            return Err(ParseConditionError::TooDeep { at: self.at });
        }
        if self.eat_word("NOT") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.eat("(") {
            let inner = self.any(depth + 1)?;
            if !self.eat(")") {
                return Err(self.unexpected("`)`, `AND` or `OR`"));
            }
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, ParseConditionError> {
        const NAME: &str = "a metric name, `NOT` or `(`";
        self.skip_space();
        let metric = self.word();
        let keyword = ["AND", "OR", "NOT"].iter().any(|k| metric.eq_ignore_ascii_case(k));
        if keyword || !metric.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(self.unexpected(NAME));
        }
        self.at += metric.len();
        self.skip_space();
        // The longer operators first, for `>` begins `>=`.
        let op = [
            (">=", CmpOp::GreaterOrEqual),
            ("<=", CmpOp::LessOrEqual),
            ("==", CmpOp::Equal),
            ("!=", CmpOp::NotEqual),
            (">", CmpOp::Greater),
            ("<", CmpOp::Less),
            ("=", CmpOp::Equal),
        ]
        .into_iter()
        .find(|(symbol, _)| self.eat(symbol))
        .map(|(_, op)| op)
        .ok_or_else(|| self.unexpected("one of `> >= < <= == !=`"))?;
        let value = self.number()?;
        Ok(Condition::Cmp { metric: metric.to_owned(), op, value })
    }

    fn number(&mut self) -> Result<f64, ParseConditionError> {
        self.skip_space();
        let rest = self.rest();
        let mut end = 0;
        let mut previous = ' ';
        for c in rest.chars() {
            let sign = matches!(c, '+' | '-') && matches!(previous, ' ' | 'e' | 'E');
            if !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || sign) {
                break;
            }
            previous = c;
            // Every accepted character is one byte.
            end += 1;
        }
        let digits = &rest[..end];
        let ends_here = !rest[end..].starts_with(in_name);
        match digits.parse::<f64>() {
            Ok(v) if ends_here && v.is_finite() => {
                self.at += end;
                Ok(v)
            }
            Ok(_) if ends_here => Err(ParseConditionError::NumberOutOfRange { at: self.at }),
            _ => Err(self.unexpected("a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(s: &str) -> Result<Condition, ParseConditionError> {
        s.parse()
    }

    fn holds(condition: &str, measured: &[(&str, f64)]) -> Option<bool> {
        parse(condition).unwrap().evaluate(&|name| measured.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
    }

    #[test]
    fn the_documented_rule_is_read_and_evaluated() {
        let rule = "cpu_usage_percent > 90 OR memory_usage_percent > 95";
        assert_eq!(parse(rule).unwrap().to_string(), rule);
        assert_eq!(holds(rule, &[("cpu_usage_percent", 91.0)]), Some(true));
        assert_eq!(holds(rule, &[("cpu_usage_percent", 90.0), ("memory_usage_percent", 95.0)]), Some(false));
        assert_eq!(holds(rule, &[("cpu_usage_percent", 10.0)]), None, "the other was not measured");
    }

    #[test]
    fn not_binds_tighter_than_and_and_and_tighter_than_or() {
        let c = parse("not a>1 and b<=2e3 OR (c != -1 AND d=0)").unwrap();
        assert_eq!(c.to_string(), "(NOT a > 1 AND b <= 2000) OR (c != -1 AND d == 0)");
        assert_eq!(holds("NOT a > 1", &[]), None);
        assert_eq!(holds("a > 1 AND b > 1", &[("a", 0.0)]), Some(false));
    }

    #[test]
    fn errors_name_the_place_and_what_could_stand_there() {
        let message = |s: &str| parse(s).unwrap_err().to_string();
        assert_eq!(message(""), "condition: expected a metric name, `NOT` or `(` at byte 0, found the end");
        assert_eq!(message("cpu >"), "condition: expected a number at byte 5, found the end");
        assert_eq!(message("cpu 90"), "condition: expected one of `> >= < <= == !=` at byte 4, found `90`");
        assert_eq!(
            message("cpu > 90 mem"),
            "condition: expected `AND`, `OR` or the end at byte 9, found `mem`"
        );
        assert_eq!(message("(cpu > 1"), "condition: expected `)`, `AND` or `OR` at byte 8, found the end");
        assert_eq!(message("cpu > 9x"), "condition: expected a number at byte 6, found `9x`");
        assert_eq!(message("cpu > 1e999"), "condition: number at byte 6 is out of range");
        assert_eq!(
            message("a > 1 OR OR"),
            "condition: expected a metric name, `NOT` or `(` at byte 9, found `OR`"
        );
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let nested = |n: usize| format!("{}a > 1{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&nested(MAX_CONDITION_DEPTH)).is_ok());
        assert!(matches!(parse(&nested(MAX_CONDITION_DEPTH + 1)), Err(ParseConditionError::TooDeep { .. })));
        assert!(matches!(parse(&"NOT ".repeat(900)), Err(ParseConditionError::TooDeep { .. })));
        assert_eq!(parse(&"(".repeat(5000)), Err(ParseConditionError::TooLong(5000)));
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let op = prop::sample::select(vec![
            CmpOp::Greater,
            CmpOp::GreaterOrEqual,
            CmpOp::Less,
            CmpOp::LessOrEqual,
            CmpOp::Equal,
            CmpOp::NotEqual,
        ]);
        let number = prop::num::f64::NORMAL | prop::num::f64::ZERO;
        let leaf = ("[a-z_][a-z0-9_.]{0,8}", op, number)
            .prop_filter("a keyword", |(m, _, _)| !["and", "or", "not"].contains(&m.as_str()))
            .prop_map(|(metric, op, value)| Condition::Cmp { metric, op, value });
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
                inner.prop_map(|c| Condition::Not(Box::new(c))),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_of_the_right_characters_makes_it_panic(text in "[ a-bANDORT()<>=!0-9.eé+-]{0,80}") {
            if let Err(ParseConditionError::Unexpected { at, .. }) = parse(&text) {
                prop_assert!(text.is_char_boundary(at));
            }
        }

        #[test]
        fn a_condition_survives_its_text(c in condition()) {
            // Printing adds at most one level of parentheses for each level of the tree.
            let text = c.to_string();
            prop_assume!(text.len() <= MAX_CONDITION_LEN);
            prop_assert_eq!(parse(&text), Ok(c));
        }
    }
}
