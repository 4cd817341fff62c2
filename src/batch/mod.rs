//! Many documents: found, read and parsed in parallel, classified in chunks, handed on in order.
//!
//! Inputs are files, folders, standard input, revisions of git repositories, and tables of
//! documents, each compressed or not. Documents are held a chunk at a time, so that memory does not
//! grow with their number. Whatever is wrong with one of them is told for that one, and the rest
//! goes on. How results look and where they are written is no concern of this module, but for
//! [`AtomicFile`] and [`AtomicFolder`], through which every file that fineprint replaces is
//! replaced, and [`RunFolder`], in which the results of a long run grow so that it can be killed
//! and gone on with.

mod atomic;
mod compression;
mod discover;
mod expand;
mod growing;
mod journal;
mod manifest;
mod merge;
mod process;
mod read;
mod repository;
mod run;
mod shard;
mod table;

pub use atomic::{AtomicFile, AtomicFolder};
pub use discover::{Discovery, Walk, WalkOptions};
pub use expand::Expand;
pub use journal::{
    ERRORS, Entry, Existing, INDEX, JournalError, MANIFEST, RECORDS, RunFolder, hand_over,
    remove_complete, remove_handed_over,
};
pub use manifest::{Counts, Inputs, InputsDigest, Manifest, now};
pub use merge::{MergeError, merge};
pub use process::{Answer, READ_PDF, confine};
pub use read::{Failure, STDIN_NAME, Source};
pub use run::{Options, Processed, ReadDocument, Scorer, parse_document, read_document, run};
pub use shard::{Ledger, Remaining, Shard};
pub use table::{Columns, TableFormat, TableOptions};
