//! Colours, and texts that are safe on a terminal.

use std::fmt::{self, Write as _};

/// How a text is to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    None,
    Bold,
    Dim,
    Red,
    Cyan,
    Blue,
}

impl Colour {
    /// ECMA-48, "select graphic rendition".
    fn code(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Bold => Some(1),
            Self::Dim => Some(2),
            Self::Red => Some(31),
            Self::Cyan => Some(36),
            Self::Blue => Some(34),
        }
    }
}

/// Where lines are written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) colours: bool,
    /// Columns, where longer lines would be broken.
    pub(super) width: Option<usize>,
}

impl Page {
    pub(super) const PLAIN: Self = Self { colours: false, width: None };

    pub(super) fn write(self, colour: Colour, text: &str, out: &mut String) {
        match colour.code().filter(|_| self.colours && !text.trim().is_empty()) {
            // Writing to a String does not fail.
            Some(code) => drop(write!(out, "\x1b[{code}m{text}\x1b[0m")),
            None => out.push_str(text),
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
    fn a_plain_page_has_no_colours_and_blanks_never_have() {
        let write = |page: Page, text| {
            let mut out = String::new();
            page.write(Colour::Red, text, &mut out);
            out
        };
        let coloured = Page { colours: true, ..Page::PLAIN };
        assert_eq!(write(Page::PLAIN, "x"), "x");
        assert_eq!(write(coloured, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(write(coloured, "  "), "  ");
    }
}
