//! Measurements as a table for the README.

use super::table::Row;

/// All measurements as Markdown.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        "| case | ours | peer | unit | ratio | goal | |".to_owned(),
        "|---|---:|---:|---|---:|---:|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(Row::markdown));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_a_line_that_names_its_peer() {
        let line = r#"{"case":"span!","ours":25.0,"peer":250.0,"peer_name":"the SDK",
            "unit":"ns","ratio":10.0,"goal":">= 5","met":true}"#;
        let text = table(&[Row::read(line).unwrap()]);
        assert_eq!(
            text.lines().last(),
            Some("| span!, against the SDK | 25.0 | 250 | ns | 10.0 | >= 5 | met |")
        );
    }
}
