//! Rules on any text file: its length and its end.

use super::Problem;

/// Past this a source file holds more than one concept.
const MAX_LINES: usize = 500;
const SOURCE: [&str; 5] = [".rs", ".js", ".mjs", ".css", ".html"];

pub(crate) fn check(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES && SOURCE.iter().any(|ending| path.ends_with(ending)) {
        let message = format!("{lines} lines, at most {MAX_LINES} are allowed: split it by concept");
        problems.push(Problem::new(path, lines, message));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        problems.push(Problem::new(path, lines, "no newline at the end of the file"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_of_500_lines_passes_and_one_more_fails() {
        for path in ["a.rs", "a.js", "a.css", "a.html"] {
            assert_eq!(check(path, &"x\n".repeat(500)), []);
            let problems = check(path, &"x\n".repeat(501));
            assert_eq!(problems.len(), 1);
            assert!(problems[0].to_string().starts_with(&format!("{path}:501: 501 lines")));
        }
    }

    #[test]
    fn data_and_prose_may_be_long() {
        assert_eq!(check("a.md", &"x\n".repeat(501)), []);
    }

    #[test]
    fn the_last_line_needs_its_newline() {
        assert_eq!(check("a.md", ""), []);
        assert_eq!(check("a.md", "x\ny")[0].to_string(), "a.md:2: no newline at the end of the file");
    }
}
