//! The integration tests: one binary, a file a theme.

mod licenses;
