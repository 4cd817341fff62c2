//! Defaults from `fineprint.toml` and from variables.
//!
//! A table a verb, a key an option as it is typed: `[classify]`, `format = "jsonl"`; `[data.stats]`
//! for a verb within a verb; global options stand before the tables. What is typed goes before
//! `FINEPRINT_VERB_OPTION`, that before the file, and the file before the program's own defaults.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, OsStr, Str};
use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

/// The file's name.
const NAME: &str = "fineprint.toml";
/// Tables in it that are not ours.
const SUPPRESSIONS: &str = "suppress";
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// The defaults of one file.
#[derive(Debug)]
pub(super) struct Config {
    path: PathBuf,
    table: Table,
}

impl Config {
    /// The file that `--config` names, else `fineprint.toml` in the current folder, else that of
    /// the user; none with `--no-config`, or where there is none.
    pub(super) fn find(arguments: &[OsString]) -> Result<Option<Self>, String> {
        let typed: Vec<_> = arguments.iter().take_while(|a| *a != "--").collect();
        if typed.iter().any(|argument| *argument == "--no-config") {
            return Ok(None);
        }
        let named = typed.iter().enumerate().find_map(|(i, argument)| match argument.to_str() {
            Some("--config") => typed.get(i + 1).map(PathBuf::from),
            Some(argument) => argument.strip_prefix("--config=").map(PathBuf::from),
            None => None,
        });
        let named = named.or_else(|| std::env::var_os("FINEPRINT_CONFIG").map(PathBuf::from));
        if let Some(path) = named {
            return Self::read(path).map(Some);
        }
        let here = Some(PathBuf::from(NAME));
        let user = user_folder().map(|folder| folder.join("fineprint").join(NAME));
        let found = [here, user].into_iter().flatten().find(|path| path.is_file());
        found.map(Self::read).transpose()
    }

    fn read(path: PathBuf) -> Result<Self, String> {
        let cannot = |reason: String| format!("cannot read {}: {reason}", path.display());
        let metadata = std::fs::metadata(&path).map_err(|e| cannot(e.to_string()))?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(cannot(format!("no file of at most {} KiB", MAX_BYTES >> 10)));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| cannot(e.to_string()))?;
        let table = text.parse::<Table>().map_err(|e| cannot(e.to_string()))?;
        Ok(Self { path, table })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file's values the defaults of their options.
    pub(super) fn apply(&self, command: Command) -> Result<Command, String> {
        apply(command, &self.table, "")
            .map_err(|reason| format!("{}: {reason}", self.path.display()))
    }
}

/// `$XDG_CONFIG_HOME`, or `~/.config`.
fn user_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    folder.map(PathBuf::from).or_else(home)
}

fn apply(mut command: Command, table: &Table, place: &str) -> Result<Command, String> {
    for (key, value) in table {
        // What `fineprint diff --suppressions` reads may stand in the same file.
        if place.is_empty() && key == SUPPRESSIONS && value.is_array() {
            continue;
        }
        if let (Value::Table(table), true) = (value, command.find_subcommand(key).is_some()) {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            let mut result = Ok(());
            command = command.mut_subcommand(key, |verb| {
                apply(verb.clone(), table, &place).unwrap_or_else(|reason| {
                    result = Err(reason);
                    verb
                })
            });
            result?;
            continue;
        }
        let found = command.get_arguments().find(|arg| arg.get_long() == Some(key));
        let Some(id) = found.map(|arg| arg.get_id().clone()) else {
            return Err(unknown(&command, key, place));
        };
        let values = values(value)
            .ok_or_else(|| format!("`{key}` has to be a text, a number, true, false or a list"))?;
        command = command.mut_arg(id, |arg| arg.default_values(values).hide_default_value(false));
    }
    Ok(command)
}

/// What is said of a key that is neither a verb nor an option.
fn unknown(command: &Command, key: &str, place: &str) -> String {
    let options = command.get_arguments().filter_map(Arg::get_long);
    let names = options.chain(command.get_subcommands().map(Command::get_name));
    let nearest = crate::label::nearest(key, names);
    let advice = nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    let place = if place.is_empty() { String::new() } else { format!(" in [{place}]") };
    format!("there is no option `{key}`{place}{advice}")
}

fn values(value: &Value) -> Option<Vec<OsStr>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(OsStr::from(text.clone())),
        Value::Integer(number) => Some(OsStr::from(number.to_string())),
        Value::Float(number) => Some(OsStr::from(number.to_string())),
        Value::Boolean(is_set) => Some(OsStr::from(is_set.to_string())),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        value => one(value).map(|value| vec![value]),
    }
}

/// Gives every option its variable, `FINEPRINT_VERB_OPTION`, unless it has one.
pub(super) fn with_variables(command: Command) -> Command {
    variables(command, "FINEPRINT")
}

fn variables(command: Command, prefix: &str) -> Command {
    let upper = |name: &str| name.to_uppercase().replace('-', "_");
    let mut command = command.mut_args(|arg| {
        let is_asked = ["help", "version", "config", "no-config"];
        match arg.get_long().map(str::to_owned) {
            Some(long) if arg.get_env().is_none() && !is_asked.contains(&long.as_str()) => {
                let name = Str::from(format!("{prefix}_{}", upper(&long)));
                let arg = arg.env(name).hide_env(true);
                if matches!(arg.get_action(), ArgAction::SetTrue) {
                    // So that 1, yes and on are as good as true.
                    return arg.value_parser(FalseyValueParser::new());
                }
                arg
            }
            _ => arg,
        }
    });
    let verbs: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for verb in verbs {
        let prefix = format!("{prefix}_{}", upper(&verb));
        command = command.mut_subcommand(verb, |verb| variables(verb, &prefix));
    }
    command
}
