//! Measurements as an aligned table.

use serde_json::Value;

const BAR_WIDTH: usize = 30;

/// One measurement.
pub(super) struct Row {
    case: String,
    ours: f64,
    peer: f64,
    peer_name: String,
    unit: String,
    ratio: String,
    goal: String,
    met: bool,
}

impl Row {
    pub(super) fn read(line: &str) -> Option<Self> {
        let row: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        // A ratio and its goal are numbers or texts such as ">= 5".
        let plain = |name: &str| match &row[name] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.as_f64().map(shown).unwrap_or_default(),
            _ => String::new(),
        };
        Some(Self {
            case: text("case")?,
            ours: row["ours"].as_f64()?,
            peer: row["peer"].as_f64()?,
            peer_name: text("peer_name")?,
            unit: text("unit")?,
            ratio: plain("ratio"),
            goal: plain("goal"),
            met: row["met"].as_bool()?,
        })
    }

    /// As a line of a Markdown table.
    pub(super) fn markdown(&self) -> String {
        let Self { case, peer_name, unit, ratio, goal, .. } = self;
        let (ours, peer) = (shown(self.ours), shown(self.peer));
        let met = if self.met { "met" } else { "missed" };
        format!("| {case}, against {peer_name} | {ours} | {peer} | {unit} | {ratio} | {goal} | {met} |")
    }

    /// Both values on one scale: blocks up to ours, a bar at the peer's.
    fn bar(&self) -> String {
        let longest = self.ours.max(self.peer);
        let at = |value: f64| {
            if longest > 0.0 { (value / longest * BAR_WIDTH as f64).round() as usize } else { 0 }
        };
        let (ours, peer) = (at(self.ours), at(self.peer).saturating_sub(1));
        let mark = |index: usize| {
            if index == peer {
                '|'
            } else if index < ours {
                '#'
            } else {
                '.'
            }
        };
        (0..BAR_WIDTH).map(mark).collect()
    }
}

/// All measurements as aligned columns, with a bar in each row.
pub(super) fn table(rows: &[Row]) -> String {
    let titles = ["case", "ours", "peer", "unit", "ratio", "goal", "", "peer's name", "# ours, | peer"];
    let mut cells: Vec<[String; 9]> = vec![titles.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        let met = if row.met { "met" } else { "MISSED" };
        [
            row.case.clone(),
            shown(row.ours),
            shown(row.peer),
            row.unit.clone(),
            row.ratio.clone(),
            row.goal.clone(),
            met.to_owned(),
            row.peer_name.clone(),
            row.bar(),
        ]
    }));
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let numbers = 1..6;
    let line = |row: &[String; 9]| {
        let cell = |(column, text): (usize, &String)| {
            let width = widths[column];
            if numbers.contains(&column) { format!("{text:>width$}") } else { format!("{text:<width$}") }
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Three significant digits are what a measurement is worth.
fn shown(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"case":"span!","ours":25.0,"peer":250.0,"peer_name":"opentelemetry_sdk",
        "unit":"ns","ratio":10.0,"goal":">= 5","met":true}"#;

    #[test]
    fn a_line_is_read_and_other_output_is_passed_over() {
        let row = Row::read(LINE).unwrap();
        assert_eq!(
            (row.ours, row.peer, row.ratio.as_str(), row.goal.as_str()),
            (25.0, 250.0, "10.0", ">= 5")
        );
        assert!(Row::read("running 1 bench").is_none());
        assert!(Row::read(r#"{"case":"x"}"#).is_none());
    }

    #[test]
    fn the_bar_shows_both_values_on_one_scale() {
        let mut row = Row::read(LINE).unwrap();
        assert_eq!(row.bar(), format!("###{}|", ".".repeat(26)));
        (row.ours, row.peer) = (30.0, 15.0);
        assert_eq!(row.bar(), format!("{}|{}", "#".repeat(14), "#".repeat(15)));
        (row.ours, row.peer) = (0.0, 0.0);
        assert_eq!(row.bar().len(), BAR_WIDTH);
    }

    #[test]
    fn columns_are_aligned() {
        let mut second = Row::read(LINE).unwrap();
        second.case = "a much longer case".into();
        second.met = false;
        let text = table(&[Row::read(LINE).unwrap(), second]);
        let at = |line: &str| line.find("opentelemetry_sdk");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(at(lines[1]), at(lines[2]));
        assert!(lines[2].contains("MISSED"));
    }
}
