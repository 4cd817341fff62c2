//! Helpers of the integration tests: the program in a sandbox, and files made by hand.

pub(crate) mod docx;
pub(crate) mod hostile;
pub(crate) mod pack;
pub(crate) mod pdf;
pub(crate) mod repository;
pub(crate) mod sandbox;
#[cfg(all(unix, feature = "serve"))]
pub(crate) mod server;
#[cfg(all(unix, feature = "serve"))]
pub(crate) mod tls;
