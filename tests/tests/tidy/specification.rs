//! What the pages on promises and tests name is there: files, and tests that are run.
//!
//! A test is named in a code span, as `path/from/the/root.rs::its_name`.

use super::{files, root};

const PROMISES: &str = "docs/SPECIFICATION.md";
const PAGES: [&str; 2] = [PROMISES, "docs/TESTING.md"];
/// Where the promises end and what is none begins.
const NO_PROMISES: &str = "## Not promised";
/// What a file of this repository may end in.
const ENDINGS: [&str; 5] = [".rs", ".sh", ".md", ".yaml", ".awk"];

#[test]
fn every_test_that_is_named_exists_and_is_run() {
    let mut missing = Vec::new();
    for page in PAGES {
        let text = read(page);
        for (file, test) in spans(&text).filter_map(|span| span.split_once("::")) {
            if !file.ends_with(".rs") {
                continue;
            }
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            let attributes = attributes(&source, test);
            if !attributes.contains("#[test]") {
                missing.push(format!("{page}: {file} has no test {test}"));
            } else if page == PROMISES && attributes.contains("#[ignore") {
                missing.push(format!("{page}: {file}::{test} is left out of the tests"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_file_that_is_named_exists() {
    let known = files();
    let mut missing = Vec::new();
    for page in PAGES {
        let text = read(page);
        for span in spans(&text) {
            let file = span.split("::").next().unwrap_or(span);
            let names_one = file.contains('/')
                && !file.contains([' ', '*', '<'])
                && ENDINGS.iter().any(|ending| file.ends_with(ending));
            if names_one && !known.iter().any(|path| path.as_os_str() == file) {
                missing.push(format!("{page}: {file}"));
            }
        }
    }
    assert!(missing.is_empty(), "not there:\n{}", missing.join("\n"));
}

#[test]
fn every_promise_names_the_test_that_keeps_it() {
    let text = read(PROMISES);
    let (promises, rest) = text.split_once(NO_PROMISES).expect("what is not promised");
    assert!(rest.lines().count() > 3, "something is never promised");
    let rows: Vec<&str> = promises
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise"))
        .collect();
    assert!(rows.len() > 50, "{} promises", rows.len());
    for row in &rows {
        let kept = spans(row).any(|span| span.contains(".rs::"));
        assert!(kept, "kept by no test: {row}");
    }
    let tests = spans(promises)
        .filter(|span| span.contains(".rs::"))
        .count();
    println!("{} promises, kept by {tests} tests", rows.len());
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// What stands between back-ticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The attributes above the function of this name, if there is one.
fn attributes(source: &str, name: &str) -> String {
    let opening = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| {
        line.strip_prefix(&opening).is_some()
            || line
                .strip_prefix("async ")
                .is_some_and(|line| line.starts_with(&opening))
    });
    let above = lines[..at.unwrap_or(0)].iter().rev();
    above
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
        .copied()
        .collect()
}

#[test]
fn attributes_are_those_of_the_function_alone() {
    let source =
        "#[test]\nfn one() {\n}\n\n/// Two.\n#[test]\n#[ignore]\nfn two() {\n}\nfn no() {\n}";
    assert_eq!(attributes(source, "one"), "#[test]");
    assert!(attributes(source, "two").contains("#[ignore]"));
    assert_eq!(attributes(source, "no"), "");
    assert_eq!(attributes(source, "tw"), "");
}
