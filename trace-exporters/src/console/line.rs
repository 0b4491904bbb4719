//! One line: texts in colours, cut to a width in columns of a terminal.

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::paint::{Colour, Page, Safe};

/// What stands where something was cut.
const CUT: char = '…';

/// A line that is put together from left to right.
#[derive(Debug, Default)]
pub(super) struct Line {
    parts: Vec<(Colour, String)>,
}

impl Line {
    pub(super) fn add(&mut self, colour: Colour, text: impl fmt::Display) -> &mut Self {
        self.parts.push((colour, text.to_string()));
        self
    }

    /// A text of others: what could drive a terminal is escaped.
    pub(super) fn add_safe(&mut self, colour: Colour, text: impl fmt::Display) -> &mut Self {
        self.add(colour, Safe(text))
    }

    pub(super) fn plain(&mut self, text: impl fmt::Display) -> &mut Self {
        self.add(Colour::None, text)
    }

    /// Blanks up to this column, if there is room.
    pub(super) fn pad_to(&mut self, column: usize) -> &mut Self {
        let missing = column.saturating_sub(self.width());
        self.plain(" ".repeat(missing))
    }

    /// Another line behind this one.
    pub(super) fn append(&mut self, other: Self) -> &mut Self {
        self.parts.extend(other.parts);
        self
    }

    /// How many columns it takes.
    pub(super) fn width(&self) -> usize {
        self.parts.iter().map(|(_, text)| text.width()).sum()
    }

    /// Appends it to a page, without blanks at its end, cut where the page ends.
    pub(super) fn end(&mut self, page: Page, out: &mut String) {
        while let Some((_, last)) = self.parts.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            self.parts.pop();
        }
        let mut room = page.width.unwrap_or(usize::MAX);
        let whole = self.width() <= room;
        for (colour, text) in &self.parts {
            let kept = if whole { text } else { &cut_to(text, room) };
            room = room.saturating_sub(text.width());
            page.write(*colour, kept, out);
            if room == 0 && !whole {
                break;
            }
        }
        out.push('\n');
    }
}

/// As much of a text as fits, with a mark if that is not all or nothing may follow.
fn cut_to(text: &str, room: usize) -> String {
    if text.width() < room {
        return text.to_owned();
    }
    shortened(text, room)
}

/// At most so many columns, the last a mark.
fn shortened(text: &str, columns: usize) -> String {
    let mut kept = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        kept.push(c);
    }
    kept.push(CUT);
    kept
}

/// A text of at most so many columns.
pub(super) fn fitted(text: String, columns: usize) -> String {
    if text.width() <= columns { text } else { shortened(&text, columns) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(parts: &[&str], width: Option<usize>) -> String {
        let mut line = Line::default();
        parts.iter().for_each(|part| {
            line.add_safe(Colour::None, part);
        });
        let mut out = String::new();
        line.end(Page { width, ..Page::PLAIN }, &mut out);
        out
    }

    #[test]
    fn a_line_is_cut_where_the_terminal_ends_and_says_so() {
        assert_eq!(line(&["one ", "two"], Some(7)), "one two\n");
        assert_eq!(line(&["one ", "two"], Some(6)), "one t…\n");
        assert_eq!(line(&["one ", "two"], Some(4)), "one…\n");
        assert_eq!(line(&["one ", "two", "  "], None), "one two\n", "no blanks at the end");
        assert_eq!(line(&["漢字", "x"], Some(4)), "漢…\n", "a wide character is two columns");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_page(parts in prop::collection::vec("\\PC{0,12}", 0..5), width in 1..30usize) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            prop_assert!(line(&parts, Some(width)).trim_end().width() <= width);
        }
    }
}
