//! Colours, and texts that are safe on a terminal.

use std::fmt;

/// Whether to use colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

impl Paint {
    pub(super) const PLAIN: Self = Self(false);

    pub(super) fn new(colours: bool) -> Self {
        Self(colours)
    }

    pub(super) fn bold<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with("1", text)
    }

    pub(super) fn dim<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with("2", text)
    }

    pub(super) fn red<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with("31", text)
    }

    pub(super) fn cyan<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.with("36", text)
    }

    fn with<T>(self, code: &'static str, text: T) -> Painted<T> {
        Painted { code: self.0.then_some(code), text }
    }
}

/// A text between an ANSI code (ECMA-48, "select graphic rendition") and its reset.
pub(super) struct Painted<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1b[{code}m{}\x1b[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

/// A text in which control characters, and those that reverse the reading direction, are escaped.
pub(super) struct Safe<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Safe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Escape<'_, '_> {
            fn write_str(&mut self, s: &str) -> fmt::Result {
                s.chars().try_for_each(|c| match c {
                    // Unicode's bidirectional controls can make a line read as something else.
                    '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                        write!(self.0, "{}", c.escape_unicode())
                    }
                    c if c.is_control() => write!(self.0, "{}", c.escape_default()),
                    c => self.0.write_char(c),
                })
            }
        }
        use fmt::Write as _;
        write!(Escape(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_others_stay() {
        assert_eq!(Safe("a\x1b[31m\n\u{202e}ü").to_string(), "a\\u{1b}[31m\\n\\u{202e}ü");
    }

    #[test]
    fn plain_paint_adds_nothing() {
        assert_eq!(Paint::PLAIN.red("x").to_string(), "x");
        assert_eq!(Paint::new(true).red("x").to_string(), "\x1b[31mx\x1b[0m");
    }
}
