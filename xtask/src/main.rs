//! dev commands
fn main() {}
