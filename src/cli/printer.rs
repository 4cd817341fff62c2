//! The one place that prints: standard output, messages on standard error, and the progress bar.
//!
//! Messages are one line each, `error:`, `warning:` or `note:` first, with whatever came from
//! outside made harmless for terminals. Messages that cannot be written are dropped: there is
//! nobody left to tell.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{Color, GlobalArgs};
use crate::report::terminal::{Palette, paint, printable};

/// Where a run writes to, and how much it says.
#[derive(Debug)]
pub struct Printer {
    color: ColorChoice,
    is_quiet: bool,
    has_progress: bool,
    /// The bar being shown, if any: a message has to lift it first.
    bar: Mutex<Option<ProgressBar>>,
}

impl Printer {
    /// A printer after the options that every verb shares.
    pub fn new(global: &GlobalArgs) -> Self {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            color,
            is_quiet: global.quiet,
            has_progress: !global.quiet && !global.no_progress,
            bar: Mutex::new(None),
        }
    }

    /// Standard output, buffered.
    ///
    /// Nothing is stripped: data must come out as it is, and text has no escape codes where
    /// [`colours_stdout`](Self::colours_stdout) says no.
    pub fn stdout(&self) -> impl Write + use<> {
        let is_coloured = self.colours_stdout();
        let choice = if is_coloured { ColorChoice::Always } else { ColorChoice::AlwaysAnsi };
        io::BufWriter::with_capacity(64 << 10, AutoStream::new(io::stdout(), choice))
    }

    /// Whether standard output gets colours: as asked, or by the terminal and `NO_COLOR`,
    /// `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`.
    pub fn colours_stdout(&self) -> bool {
        self.resolve(&io::stdout())
    }

    /// Whether an output that is no terminal, such as a file, gets colours: only on demand.
    pub fn colours_files(&self) -> bool {
        matches!(self.color, ColorChoice::Always | ColorChoice::AlwaysAnsi)
    }

    fn resolve<S: anstream::stream::RawStream>(&self, stream: &S) -> bool {
        let choice = match self.color {
            ColorChoice::Auto => AutoStream::choice(stream),
            fixed => fixed,
        };
        choice != ColorChoice::Never
    }

    /// Columns of the terminal on standard output, if it is one.
    pub fn columns(&self) -> Option<usize> {
        let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stdout())?;
        Some(usize::from(columns))
    }

    /// Whether standard input is a terminal, so that nothing waits there.
    pub fn stdin_is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// An error; printed even with `--quiet`.
    pub fn error(&self, message: impl Display) {
        self.message(|palette| paint(palette.error, "error:"), &message);
    }

    /// Something that went wrong but does not end the run; printed even with `--quiet`.
    pub fn warning(&self, message: impl Display) {
        self.message(|palette| paint(palette.warning, "warning:"), &message);
    }

    /// Something to know; not printed with `--quiet`.
    pub fn note(&self, message: impl Display) {
        if !self.is_quiet {
            self.message(|palette| paint(palette.note, "note:"), &message);
        }
    }

    fn message(&self, label: impl Fn(&Palette) -> String, message: &dyn Display) {
        let palette = Palette::new(self.resolve(&io::stderr()));
        let line = format!("{} {}\n", label(&palette), printable(&message.to_string()));
        self.suspended(|| {
            let _ = io::stderr().lock().write_all(line.as_bytes());
        });
    }

    /// Runs `write` with the progress bar lifted, so that both can share a terminal.
    pub fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = self.bar.lock().map_or(None, |bar| bar.clone());
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Whether a progress bar will be seen: standard error is a terminal, and neither `--quiet`
    /// nor `--no-progress` was given.
    pub fn shows_progress(&self) -> bool {
        self.has_progress && io::stderr().is_terminal()
    }

    /// Whether progress is to be told in lines of their own: standard error is a file or a pipe, as
    /// under nohup, and neither `--quiet` nor `--no-progress` was given.
    pub fn logs_progress(&self) -> bool {
        self.has_progress && !io::stderr().is_terminal()
    }

    /// Starts a progress bar on standard error; it stays hidden where it would not be seen.
    ///
    /// `template` is indicatif's; without a total, `{len}` and `{eta}` must not occur in it.
    pub fn start_progress(&self, total: Option<u64>, template: &str) -> ProgressBar {
        let target = if self.shows_progress() {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        if let Ok(mut shown) = self.bar.lock() {
            *shown = Some(bar.clone());
        }
        bar
    }

    /// Removes the progress bar.
    pub fn end_progress(&self) {
        if let Ok(mut shown) = self.bar.lock()
            && let Some(bar) = shown.take()
        {
            bar.finish_and_clear();
        }
    }
}
