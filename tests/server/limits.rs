//! What one client may ask for.

use crate::support::App;

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused() {
    let app = App::new();
    let long = format!(r#"{{"workflowId":"{}","workflowType":"t"}}"#, "x".repeat(1 << 20));
    app.execute(long).await.assert_error(413, "BODY_TOO_LARGE");
}
