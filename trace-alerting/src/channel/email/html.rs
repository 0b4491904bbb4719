//! The HTML half of a mail.

use std::fmt::Write;

use trace_core::model::{AlertStatus, Severity};
use trace_core::signal::Notification;

use super::content::{ALERTS, facts, more};

/// A self-contained page without images, scripts or links to fetch.
pub(super) fn page(n: &Notification, title: &str) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{0}</title></head>\n\
         <body style=\"font-family:sans-serif;color:#222\">\n<h2 style=\"font-size:18px\">{0}</h2>\n",
        escape(title)
    );
    for alert in n.alerts.iter().take(ALERTS) {
        let color = match (alert.status, alert.severity) {
            (AlertStatus::Resolved, _) => "#2eb886",
            (_, Severity::Critical | Severity::High) => "#c0143c",
            (_, Severity::Medium) => "#d08a00",
            (_, Severity::Low | Severity::Info) => "#2a6fb0",
        };
        // Writing to a String can not fail.
        let _ = write!(
            page,
            "<div style=\"border-left:4px solid {color};padding:4px 12px;margin:12px 0\">\n<p><b>{}</b></p>\n\
             <table style=\"font-size:13px\">\n",
            escape(&alert.message)
        );
        for (name, value) in facts(alert) {
            let _ = writeln!(
                page,
                "<tr><td style=\"color:#666;padding-right:12px\">{}</td><td>{}</td></tr>",
                escape(&name),
                escape(&value)
            );
        }
        page.push_str("</table>\n</div>\n");
    }
    if let Some(more) = more(n) {
        let _ = writeln!(page, "<p>{more}</p>");
    }
    page.push_str("</body></html>\n");
    page
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn markup_in_an_alert_stays_text() {
        let escaped = super::escape("<script>alert('x')</script>&\"");
        assert_eq!(escaped, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;");
    }
}
