//! Exit codes: part of the program's documented interface.
//!
//! Scripts and CI jobs depend on these numbers, so they are decided here and nowhere else, and a
//! snapshot test holds the table that `--help` prints.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a run of the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for was done.
    Done,
    /// With `--fail-if-none`: no finding was output.
    NothingFound,
    /// Wrong usage, or an error that ended the run.
    Fatal,
    /// Some inputs could not be read; the others were classified.
    SomeFailed,
    /// With `--fail-on`: one of its categories is asserted, or one of its changes happened.
    FailOn,
}

impl Exit {
    /// Every way to end, in the order of the codes.
    pub const ALL: [Self; 5] =
        [Self::Done, Self::NothingFound, Self::Fatal, Self::SomeFailed, Self::FailOn];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NothingFound => 1,
            Self::Fatal => 2,
            Self::SomeFailed => 3,
            Self::FailOn => 4,
        }
    }

    /// What the code says, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NothingFound => "nothing found, with --fail-if-none",
            Self::Fatal => "wrong usage, or an error that ended the run",
            Self::SomeFailed => "some inputs could not be read; the rest was classified",
            Self::FailOn => "a category of --fail-on is asserted, or a change of it happened",
        }
    }

    /// The table as `--help` prints it.
    pub fn table() -> String {
        let mut table = String::from("Exit codes:\n");
        for exit in Self::ALL {
            let _ = writeln!(table, "  {}  {}", exit.code(), exit.meaning());
        }
        table.push_str("Where several hold, 2 goes before 3, 3 before 4, and 4 before 1.");
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a classification came to, as far as the exit code depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// At least one input failed.
    pub some_failed: bool,
    /// A category of `--fail-on` is asserted somewhere.
    pub fail_on_met: bool,
    /// `--fail-if-none` was given and nothing was found.
    pub none_found: bool,
}

impl Outcome {
    /// The exit that goes before the others.
    pub fn exit(self) -> Exit {
        if self.some_failed {
            Exit::SomeFailed
        } else if self.fail_on_met {
            Exit::FailOn
        } else if self.none_found {
            Exit::NothingFound
        } else {
            Exit::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_documented() {
        insta::assert_snapshot!(Exit::table(), @r"
        Exit codes:
          0  done
          1  nothing found, with --fail-if-none
          2  wrong usage, or an error that ended the run
          3  some inputs could not be read; the rest was classified
          4  a category of --fail-on is asserted, or a change of it happened
        Where several hold, 2 goes before 3, 3 before 4, and 4 before 1.
        ");
        for (i, exit) in Exit::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), i);
        }
    }

    #[test]
    fn three_goes_before_four_before_one() {
        for bits in 0..8u8 {
            let outcome = Outcome {
                some_failed: bits & 1 != 0,
                fail_on_met: bits & 2 != 0,
                none_found: bits & 4 != 0,
            };
            let expected = match bits {
                b if b & 1 != 0 => 3,
                b if b & 2 != 0 => 4,
                b if b & 4 != 0 => 1,
                _ => 0,
            };
            assert_eq!(outcome.exit().code(), expected, "{outcome:?}");
        }
    }
}
