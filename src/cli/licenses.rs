//! `fineprint licenses`: the licences of code, weights and data, with the notices they ask for.
//!
//! The list of libraries, `data/licenses/THIRD-PARTY.txt`, is made from `cargo metadata` by the test
//! `licenses::the_list_of_libraries_is_current`, which also says when it is out of date.

use std::io::Write;

use super::args::LicensesArgs;
use super::exit::Exit;
use super::printer::Printer;

const NOTICE: &str = include_str!("../../data/licenses/NOTICE.txt");
const LIBRARIES: &str = include_str!("../../data/licenses/THIRD-PARTY.txt");
const APACHE: &str = include_str!("../../LICENSE-APACHE");
const MIT: &str = include_str!("../../LICENSE-MIT");
/// The line of the list after which the licence texts come.
const TEXTS: &str = "Licence texts\n";

/// Runs the verb.
pub(super) fn run(args: &LicensesArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let mut out = printer.stdout();
    let (list, texts) = LIBRARIES.split_once(TEXTS).unwrap_or((LIBRARIES, ""));
    writeln!(out, "{NOTICE}\n{}", list.trim_end())?;
    if args.full {
        for (name, text) in [("LICENSE-MIT", MIT), ("LICENSE-APACHE", APACHE)] {
            writeln!(out, "\n{}\n{name} of fineprint and its model\n\n{text}", "=".repeat(80))?;
        }
        writeln!(out, "{}\n{TEXTS}{texts}", "=".repeat(80))?;
    } else {
        writeln!(out, "\nThe full licence texts: fineprint licenses --full")?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributions_asked_for_are_there() {
        for needed in [
            "Open Terms Archive contributors",
            "ODC-BY 1.0",
            "sentence-transformers/all-MiniLM-L6-v2",
            "Apache-2.0",
            "no legal advice",
        ] {
            assert!(NOTICE.contains(needed), "{needed}");
        }
        let (list, texts) = LIBRARIES.split_once(TEXTS).unwrap();
        assert!(list.contains("candle-core"));
        assert!(texts.contains("Permission is hereby granted"));
    }
}
