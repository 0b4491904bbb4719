//! Tests against programs that are not ours run only where those are.

/// The value of a variable that leads to a peer. Without it the test says that it is skipped, and fails if
/// `CI_REQUIRE_PEERS` is 1.
pub fn peer(test: &str, variable: &str, what: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|v| !v.is_empty());
    if found.is_none() {
        let why = format!("SKIPPED {test}: {variable} is not set ({what})");
        assert!(std::env::var("CI_REQUIRE_PEERS").as_deref() != Ok("1"), "{why}");
        eprintln!("{why}");
    }
    found
}
