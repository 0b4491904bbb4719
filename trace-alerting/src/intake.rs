//! What an alert may be: text from outside is bounded before it is kept.

use trace_core::model::{Alert, AlertStatus};
use trace_core::signal::Rejected;

/// Longest message, annotation or error text kept, in bytes; the rest is cut.
const MAX_TEXT: usize = 16 * 1024;
/// Most annotations kept.
const MAX_ANNOTATIONS: usize = 64;
/// Most labels taken; labels are identity, so they are refused and not cut.
const MAX_LABELS: usize = 64;
/// Longest label name or value, in bytes.
const MAX_LABEL: usize = 1024;

/// The alert within bounds.
pub(crate) fn check(mut alert: Alert) -> Result<Alert, Rejected> {
    if alert.message.trim().is_empty() && alert.status == AlertStatus::Firing {
        return Err(Rejected::Invalid("message is empty: say in a sentence what happened".to_owned()));
    }
    if alert.labels.len() > MAX_LABELS {
        let found = alert.labels.len();
        return Err(Rejected::Invalid(format!(
            "{found} labels, at most {MAX_LABELS}: put the rest in annotations"
        )));
    }
    let long = alert.labels.iter().find(|(k, v)| k.is_empty() || k.len() > MAX_LABEL || v.len() > MAX_LABEL);
    if let Some((key, _)) = long {
        let key: String = key.chars().take(64).collect();
        return Err(Rejected::Invalid(format!(
            "label {key:?} must have a name, and name and value of at most {MAX_LABEL} bytes"
        )));
    }
    let identity = [Some(alert.kind.as_str()), alert.workflow_id.as_deref()];
    if identity.iter().flatten().any(|text| text.len() > MAX_LABEL) {
        return Err(Rejected::Invalid(format!("type and workflow id must be at most {MAX_LABEL} bytes")));
    }
    cut(&mut alert.message);
    if let Some(error) = &mut alert.error {
        cut(error);
    }
    while alert.annotations.len() > MAX_ANNOTATIONS {
        alert.annotations.pop_last();
    }
    alert.annotations.retain(|key, _| key.len() <= MAX_LABEL);
    alert.annotations.values_mut().for_each(cut);
    // A number that is none would become `null` in JSON and make the record unequal to itself.
    alert.value = alert.value.filter(|v| v.is_finite());
    alert.threshold = alert.threshold.filter(|v| v.is_finite());
    Ok(alert)
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
}

#[cfg(test)]
mod tests {
    use trace_core::model::{AlertKind, Severity, Timestamp};

    use super::*;

    fn alert(message: &str) -> Alert {
        Alert::new(AlertKind::ThresholdExceeded, Severity::High, message, Timestamp::default())
    }

    #[test]
    fn an_alert_that_says_nothing_is_refused() {
        assert!(matches!(check(alert(" ")), Err(Rejected::Invalid(why)) if why.contains("message is empty")));
    }

    #[test]
    fn labels_beyond_the_limits_are_refused_by_name() {
        let long = check(alert("m").label("host", "x".repeat(2000))).unwrap_err();
        assert!(long.to_string().contains(r#"label "host""#), "{long}");
        let many = (0..65).fold(alert("m"), |a, n| a.label(format!("l{n}"), ""));
        assert!(check(many).unwrap_err().to_string().contains("65 labels"));
    }

    #[test]
    fn long_text_is_cut_between_characters_and_odd_numbers_vanish() {
        let mut odd = alert(&"é".repeat(20_000)).annotation("log", "é".repeat(20_000));
        odd.value = Some(f64::NAN);
        odd.threshold = Some(f64::INFINITY);
        let kept = check(odd).unwrap();
        assert_eq!(kept.message.len(), MAX_TEXT);
        assert_eq!(kept.annotations["log"].len(), MAX_TEXT);
        assert_eq!((kept.value, kept.threshold), (None, None));
    }
}
