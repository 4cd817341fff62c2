//! Helpers of the integration tests that run the program.

pub(crate) mod repository;
pub(crate) mod sandbox;
