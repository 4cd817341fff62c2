//! Which inputs belong to a run: its part of a corpus, and what is left of it after a break.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::journal::Entry;
use super::manifest::{Inputs, InputsDigest};
use super::read::{Failure, Source};
use crate::digest::hex;

/// A part of a corpus, `i/n`: the inputs whose content hashes to it, so that parts stay the same
/// when files are renamed or others are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which part, from 1.
    pub index: u32,
    /// How many parts there are.
    pub count: u32,
}

impl Shard {
    /// Whether an input belongs to this part: by its content's SHA-256, or by its name where it
    /// cannot be read.
    fn takes(self, name: &str, sha256: Option<&str>) -> bool {
        let digest = sha256.map_or_else(|| hex(Sha256::digest(name)), str::to_owned);
        let first = digest.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        first.unwrap_or(0) % u64::from(self.count) == u64::from(self.index - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let parts = given.split_once('/');
        let numbers = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err("i/n is expected with i from 1 to n, such as 1/4".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The inputs that a run still has to do, in their order.
///
/// Counts all inputs, leaves out those of other shards, and checks that those done before the
/// break are what they were.
#[derive(Debug)]
pub struct Remaining<I> {
    inputs: I,
    shard: Option<Shard>,
    done: VecDeque<Entry>,
    ledger: Ledger,
}

/// What is known of the inputs so far; shared by the iterator and whoever writes results.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    digest: InputsDigest,
    /// Whether the digest takes inputs as they are found: all of them are read for a shard.
    reads_all: bool,
    next: usize,
    /// Numbers of the inputs that are under way.
    under_way: VecDeque<usize>,
    changed: Option<String>,
}

impl Ledger {
    /// The number of the oldest input under way, which is now done.
    pub fn finished(&self, name: &str, sha256: Option<&str>) -> usize {
        let mut state = self.0.borrow_mut();
        if !state.reads_all {
            state.digest.add(name, sha256);
        }
        state.under_way.pop_front().unwrap_or_default()
    }

    /// Says which input is not what it was when it was done, if one is.
    pub fn changed(&self) -> Option<String> {
        self.0.borrow().changed.clone()
    }

    /// All inputs.
    pub fn inputs(&self) -> Inputs {
        self.0.borrow().digest.finish()
    }
}

impl<I> Remaining<I> {
    /// What is left of `inputs` for `shard`, after `done`.
    pub fn new(inputs: I, shard: Option<Shard>, done: &[Entry]) -> (Self, Ledger) {
        let ledger = Ledger::default();
        ledger.0.borrow_mut().reads_all = shard.is_some();
        let done = done.iter().cloned().collect();
        (Self { inputs, shard, done, ledger: ledger.clone() }, ledger)
    }
}

/// Reads an input, and keeps what it gave: read twice, it could be another one the second time.
fn read(source: Source) -> Result<(Source, String), Failure> {
    let bytes = source.read()?;
    let sha256 = source.digest(&bytes);
    Ok((source.held(bytes), sha256))
}

impl<I: Iterator<Item = Result<Source, Failure>>> Iterator for Remaining<I> {
    type Item = Result<Source, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut state = self.ledger.0.borrow_mut();
            if state.changed.is_some() {
                return None;
            }
            let Some(input) = self.inputs.next() else {
                if let Some(gone) = self.done.front() {
                    state.changed = Some(format!("{} is gone", gone.document));
                }
                return None;
            };
            let number = state.next;
            state.next += 1;
            if self.shard.is_none() && self.done.is_empty() {
                state.under_way.push_back(number);
                return Some(input);
            }
            let (name, sha256, input) = match input.and_then(read) {
                Ok((source, sha256)) => (source.name(), Some(sha256), Ok(source)),
                Err(failure) => (failure.name.clone(), None, Err(failure)),
            };
            state.digest.add(&name, sha256.as_deref());
            if self.shard.is_some_and(|shard| !shard.takes(&name, sha256.as_deref())) {
                continue;
            }
            let Some(entry) = self.done.pop_front() else {
                state.under_way.push_back(number);
                return Some(input);
            };
            if entry.number != number || entry.document != name || entry.sha256 != sha256 {
                state.changed = Some(if entry.document == name {
                    format!("{name} has changed")
                } else {
                    format!("{name} stands where {} was", entry.document)
                });
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_reads_its_inputs_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |i: usize| folder.path().join(format!("{i}.md"));
        let files: Vec<_> = (0..20)
            .map(|i| {
                std::fs::write(path(i), format!("We sell item {i}.")).unwrap();
                Ok(Source::File(path(i)))
            })
            .chain([Ok(Source::File(folder.path().join("gone.md")))])
            .collect();
        let shard = Shard { index: 1, count: 2 };
        let (remaining, ledger) = Remaining::new(files.into_iter(), Some(shard), &[]);
        let found: Vec<_> = remaining.collect();
        assert!((3..18).contains(&found.len()), "{}", found.len());
        // What happens to a file once it was read is no matter.
        (0..20).for_each(|i| std::fs::remove_file(path(i)).unwrap());
        for input in &found {
            let Ok(source) = input else { continue };
            let bytes = source.read().unwrap();
            assert!(bytes.starts_with(b"We sell item"));
            let shown = source.digest(&bytes);
            assert!(shard.takes(&source.name(), Some(&shown)));
            ledger.finished(&source.name(), Some(&shown));
        }
        assert_eq!(ledger.inputs().count, 21);
    }

    #[test]
    fn what_is_held_weighs_what_it_unpacked_to_and_counts_as_its_file() {
        let name = "a.md.gz".to_owned();
        let blob = Source::Blob { name, bytes: vec![0; 10] };
        let held = blob.held(vec![b'x'; 1000]);
        assert_eq!((held.size(), held.weight(), held.name()), (10, 1000, "a.md.gz".to_owned()));
        assert_eq!(held.format_name(), "a.md");
        assert_eq!(held.read().unwrap().len(), 1000);
    }
}
