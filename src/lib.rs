//! fineprint
