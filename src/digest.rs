//! Digests as text.

/// Bytes in lower-case hexadecimal, two digits each.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
