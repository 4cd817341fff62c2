//! Names of documents as URI references (RFC 3986).

/// A path as a `file` URI when it is absolute, and else as a relative reference; characters that
/// have a meaning in URIs are percent-encoded, colons included.
pub(super) fn of(name: &str) -> String {
    let mut uri = String::with_capacity(name.len() + 8);
    if name.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in name.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn names_become_references() {
        assert_eq!(of("terms/a b.md"), "terms/a%20b.md");
        assert_eq!(of("/srv/ü.md"), "file:///srv/%C3%BC.md");
        assert_eq!(of("<stdin>"), "%3Cstdin%3E");
        assert_eq!(of("https://x/?a#b"), "https%3A//x/%3Fa%23b");
    }
}
