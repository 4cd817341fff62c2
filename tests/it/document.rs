//! Documents of every format and encoding, malformed ones among them.
