//! What is generated from the lists of errors: `docs/errors.md`, and the unions in `src/types.d.ts`. The test fails
//! where a file no longer says what the lists say; with `UPDATE` in the environment it writes the file instead.

use sentiance_core::core::{Code, Reason};
use sentiance_protocol::ErrorCode;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The one command that brings every generated file up to date.
const UPDATE_COMMAND: &str = "UPDATE=1 cargo test --test generated";

/// From this many columns on, prettier gives each member of a union a line of its own.
const PRINT_WIDTH: usize = 110;

#[test]
fn the_glossary_names_every_error() {
    keep_current("docs/errors.md", |_| glossary());
}

#[test]
fn the_typescript_unions_have_the_names_of_the_rust_enums() {
    keep_current("src/types.d.ts", |types| {
        let types = with_union(types, "SentianceErrorCode", Code::GLOSSARY);
        with_union(&types, "SentianceErrorReason", Reason::GLOSSARY)
    });
}

#[test]
fn no_two_entries_of_a_list_have_the_same_name_or_meaning() {
    let platform: Vec<_> = ErrorCode::ALL.iter().map(|code| (code.as_str(), code.meaning())).collect();
    for list in [Code::GLOSSARY, Reason::GLOSSARY, &platform] {
        let names: HashSet<_> = list.iter().map(|(name, _)| name).collect();
        let meanings: HashSet<_> = list.iter().map(|(_, meaning)| meaning).collect();
        assert_eq!((names.len(), meanings.len()), (list.len(), list.len()), "in {list:?}");
    }
}

/// Compares the file at `path` with what `generate` makes of it, or writes that.
fn keep_current(path: &str, generate: impl FnOnce(&str) -> String) {
    let file = root().join(path);
    let present = std::fs::read_to_string(&file).unwrap_or_default();
    let expected = generate(&present);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, expected).unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    } else {
        assert!(present == expected, "{path} is not up to date. Run: {UPDATE_COMMAND}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn glossary() -> String {
    let names = |list: &[(&str, &str)]| -> Vec<Vec<String>> {
        list.iter().map(|(name, meaning)| vec![code(name), prose(meaning)]).collect()
    };
    let platform = ErrorCode::ALL
        .iter()
        .map(|error| vec![error.status().to_string(), code(error.as_str()), prose(error.meaning())])
        .collect::<Vec<_>>();
    [
        "# Error glossary",
        "<!-- Generated from the lists in src/core/error.rs and protocol/src/error.rs. Do not edit: run\n\
         `UPDATE=1 cargo test --test generated`. -->",
        "Every code and reason with its meaning. The README says which function rejects with which.",
        "## The SDK: `code`",
        "Says which call failed, or why none could start.",
        &table(&["code", "meaning"], &names(Code::GLOSSARY)),
        "## The SDK: `reason`",
        "Says why. The message has it too: `Reason: <reason> - <details>`. Only with `E_SDK_NOT_INITIALIZED` and \
         `E_SDK_MISSING_PARAMS` the message is the details alone.",
        &table(&["reason", "meaning"], &names(Reason::GLOSSARY)),
        "## The platform: `errorCode`",
        "Every answer that is no success has the body `{\"message\", \"errorCode\", \"ref\"}`. The platform's log has the \
         same `ref`.",
        &table(&["status", "errorCode", "meaning"], &platform),
    ]
    .join("\n\n")
        + "\n"
}

/// A Markdown table with aligned columns, as prettier writes it.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(rows).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default().max(3)
    };
    let rule = (0..head.len()).map(|column| "-".repeat(width(column))).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column))).collect();
        format!("| {} |", cells.join(" | "))
    };
    let lines: Vec<_> = [&head, &rule].into_iter().chain(rows).map(line).collect();
    lines.join("\n")
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

/// A documentation comment as a table's cell.
fn prose(meaning: &str) -> String {
    meaning.trim().replace('|', "\\|")
}

/// `types` with the union `name` made of the names in `list`.
fn with_union(types: &str, name: &str, list: &[(&str, &str)]) -> String {
    let start = format!("export type {name} =");
    let (before, rest) = types.split_once(&start).unwrap_or_else(|| panic!("there is no union {name}"));
    let (_, after) = rest.split_once(';').unwrap_or_else(|| panic!("the union {name} has no end"));
    let members: Vec<_> = list.iter().map(|(member, _)| format!("\n  | \"{member}\"")).collect();
    let members = members.concat();
    assert!(members.len() > PRINT_WIDTH, "prettier would write the union {name} in one line");
    format!("{before}{start}{members};{after}")
}
