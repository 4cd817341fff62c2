//! Calls into crates that may panic on damaged input.
//!
//! Decoders of Parquet and Arrow index by what a file declares. What they make of a damaged one is
//! an error like any other, which the caller tells with the file's name.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives, or `None` if it panicked: what it worked on is then not to be trusted.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    result.ok()
}

/// Keeps panics under [`guarded`] from being printed, for the whole process; a program's `main`
/// calls it, since a library does not decide that.
pub(crate) fn hush() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !IS_GUARDED.get() {
            told(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_none_and_guards_nest() {
        assert_eq!(guarded(|| 7), Some(7));
        let nested = guarded(|| {
            assert_eq!(guarded(|| -> u8 { panic!("inside") }), None);
            IS_GUARDED.get()
        });
        assert_eq!(nested, Some(true));
        assert!(!IS_GUARDED.get());
    }
}
