//! Integration tests: one binary, one module a theme.

mod eval;
