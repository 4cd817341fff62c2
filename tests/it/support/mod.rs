//! Helpers of the integration tests that run the program.

pub(crate) mod sandbox;
