//! Helpers of the integration tests that run the program.

pub(crate) mod sandbox;
#[cfg(all(unix, feature = "serve"))]
pub(crate) mod server;
