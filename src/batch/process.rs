//! Reading a PDF in a process of its own, so that a panic, an endless loop or memory without
//! measure costs one document and not the run.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::document::Extracted;
use crate::limits::{PDF_ANSWER_BYTES, PDF_PROCESS_BYTES, PDF_SECONDS};

/// The verb by which a program that reads PDFs is asked to: bytes on standard input, an
/// [`Answer`] in JSON on standard output.
pub const READ_PDF: &str = "read-pdf";

/// What the process answers: the text and its parts, or why there is none.
pub type Answer = Result<Extracted, String>;

/// How often an ended process is looked for.
const PAUSE: Duration = Duration::from_millis(2);

/// Has `program` take the text out of a PDF.
pub(super) fn extract(program: &Path, bytes: &[u8]) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(PDF_SECONDS);
    let mut child = Command::new(program)
        .args(["--no-config", READ_PDF])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start {} to read it: {error}", program.display()))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let mut answer = Vec::new();
    let status = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A process that gives up early closes its end.
            let _ = input.map(|mut input| input.write_all(bytes));
        });
        let (sender, receiver) = mpsc::channel();
        scope.spawn(move || {
            let mut answer = Vec::new();
            if let Some(output) = output {
                let _ = output.take(PDF_ANSWER_BYTES + 1).read_to_end(&mut answer);
            }
            let _ = sender.send(answer);
        });
        if let Ok(read) = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            answer = read;
        }
        end(&mut child, deadline)
    });
    match status {
        None => Err(format!("reading it takes longer than the limit of {PDF_SECONDS} s")),
        Some(_) if answer.len() as u64 > PDF_ANSWER_BYTES => {
            Err(format!("its text is larger than the limit of {} MiB", PDF_ANSWER_BYTES >> 20))
        }
        Some(status) if !status.success() => Err(in_words(status)),
        Some(_) => match serde_json::from_slice::<Answer>(&answer) {
            Ok(Ok(extracted)) if extracted.is_sound() => Ok(extracted),
            Ok(Err(reason)) => Err(reason),
            Ok(Ok(_)) | Err(_) => Err("the process that read it gave no proper answer".to_owned()),
        },
    }
}

/// How the process ended; nothing when it had to be stopped.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// Why a process that did not succeed failed.
fn in_words(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        let is = |signal: rustix::process::Signal| status.signal() == Some(signal.as_raw());
        if is(rustix::process::Signal::XCPU) || is(rustix::process::Signal::KILL) {
            return format!("reading it takes longer than the limit of {PDF_SECONDS} s");
        }
        // Memory that is refused aborts a process.
        if is(rustix::process::Signal::ABORT) {
            let mib = PDF_PROCESS_BYTES >> 20;
            return format!("reading it takes more memory than the limit of {mib} MiB");
        }
    }
    let _ = status;
    "the PDF file is damaged in a way that stops its reader; save it anew with another program"
        .to_owned()
}

/// Bounds the memory and the time of the process that calls this, for good.
///
/// # Errors
/// The operating system's.
pub fn confine() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let both = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
        setrlimit(Resource::As, both(PDF_PROCESS_BYTES))?;
        setrlimit(Resource::Cpu, both(PDF_SECONDS))?;
        setrlimit(Resource::Core, both(0))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that does as the script says.
    #[cfg(unix)]
    fn answer(script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        match extract(&program, &vec![b'x'; 200_000]) {
            Ok(extracted) => extracted.text().to_owned(),
            Err(reason) => reason,
        }
    }

    #[test]
    #[cfg(unix)]
    fn whatever_the_process_does_there_is_an_answer() {
        let good = r#"cat >/dev/null; echo '{"Ok":{"text":"Hi.","parts":[{"start":0,"end":3,"kind":{"Paragraph":{"strong":false}}}],"places":[[0,1]]}}'"#;
        assert_eq!(answer(good), "Hi.");
        assert_eq!(answer(r#"echo '{"Err":"a scan"}'"#), "a scan");
        assert!(answer("echo nonsense").contains("no proper answer"));
        let unsound = good.replace("\"end\":3", "\"end\":9");
        assert!(answer(&unsound).contains("no proper answer"));
        assert!(answer("exit 101").contains("damaged"));
        assert!(answer("kill -ABRT $$").contains("more memory than the limit of 300 MiB"));
        assert!(answer("kill -XCPU $$").contains("longer than the limit of 10 s"));
        let gone = extract(Path::new("/no/such/program"), b"").unwrap_err();
        assert!(gone.starts_with("cannot start /no/such/program"));
    }

    #[test]
    #[cfg(unix)]
    fn a_process_that_does_not_end_is_stopped() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let now = Instant::now();
        assert!(end(&mut child, now + Duration::from_millis(20)).is_none());
        assert!(child.try_wait().unwrap().is_some());
    }
}
