//! Rules of the house that a machine can keep: sizes, loose ends, which memory orderings there may
//! be, and that what the pages name is there.

mod orderings;
mod specification;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines a source file may have.
const FILE_LINES_MAX: usize = 500;
/// Columns a source line may have.
const COLUMNS_MAX: usize = 100;
/// Lines a function may have.
const FUNCTION_LINES_MAX: usize = 70;
/// Marks of unfinished work. Spelled so that this file does not contain them.
const LOOSE_ENDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
/// Folders of a build machine that no text may name.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

struct Source {
    path: PathBuf,
    text: String,
}

#[test]
fn files_are_small_enough_to_read() {
    let long: Vec<String> = rust_sources()
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(source, lines)| format!("{}: {lines} lines", source.path.display()))
        .collect();
    assert!(
        long.is_empty(),
        "over {FILE_LINES_MAX} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn lines_fit_a_screen() {
    let mut wide = Vec::new();
    for source in rust_sources() {
        for (number, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                wide.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert!(
        wide.is_empty(),
        "over {COLUMNS_MAX} columns:\n{}",
        wide.join("\n")
    );
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for source in rust_sources() {
        long.extend(long_functions(&source));
    }
    assert!(
        long.is_empty(),
        "over {FUNCTION_LINES_MAX} lines:\n{}",
        long.join("\n")
    );
}

/// rustfmt closes a function at the indentation it opened at.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let is_function = [
            "fn ",
            "pub fn ",
            "pub(crate) fn ",
            "pub(super) fn ",
            "async fn ",
        ]
        .iter()
        .any(|opening| body.starts_with(opening));
        if !is_function {
            continue;
        }
        let indent = &line[..line.len() - body.len()];
        let close = format!("{indent}}}");
        let end = lines[start..]
            .iter()
            .position(|line| **line == close)
            .unwrap_or(0);
        if end + 1 > FUNCTION_LINES_MAX {
            long.push(format!(
                "{}:{}: {} lines",
                source.path.display(),
                start + 1,
                end + 1
            ));
        }
    }
    long
}

#[test]
fn no_loose_ends() {
    let mut found = Vec::new();
    for source in rust_sources() {
        for (number, line) in source.text.lines().enumerate() {
            if LOOSE_ENDS.iter().any(|mark| line.contains(mark))
                || line.contains(concat!("dbg", "!("))
            {
                found.push(format!("{}:{}: {line}", source.path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_module_says_what_it_owns() {
    let silent: Vec<String> = rust_sources()
        .iter()
        .filter(|source| !source.text.trim_start().starts_with("//!"))
        .map(|source| source.path.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "no //! at the top:\n{}",
        silent.join("\n")
    );
}

#[test]
fn every_page_has_one_title() {
    for source in sources("md") {
        let titles = titles(&source.text);
        assert_eq!(titles, 1, "{} has {titles} titles", source.path.display());
    }
}

/// Headings of the first level, outside of code blocks.
fn titles(text: &str) -> usize {
    let mut in_code = false;
    let mut count = 0;
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        count += usize::from(!in_code && line.starts_with("# "));
    }
    count
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let mut found = Vec::new();
    for extension in ["rs", "md", "toml", "sh", "yaml", "service", "xml", "cfg"] {
        for source in sources(extension) {
            for (number, line) in source.text.lines().enumerate() {
                if MACHINE_PATHS.iter().any(|path| line.contains(path)) {
                    found.push(format!("{}:{}: {line}", source.path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn rust_sources() -> Vec<Source> {
    sources("rs")
}

fn sources(extension: &str) -> Vec<Source> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .filter_map(|path| {
            let text = std::fs::read_to_string(root().join(&path)).ok()?;
            Some(Source { path, text })
        })
        .collect()
}

/// Every file of the repository, from its root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8_lossy(&output.stdout);
    names.split_terminator('\0').map(PathBuf::from).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
}
