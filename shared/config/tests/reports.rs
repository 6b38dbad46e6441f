//! Every class of mistake, with the whole report as a person reads it.
//!
//! `UPDATE_GOLDEN=1` writes the reports anew; the diff is then what changed for people.

use std::{collections::BTreeSet, ffi::OsStr, fs, path::PathBuf};

use strait_config::check_file;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reports")
}

fn stems(extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(directory()).expect("the directory of reports");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension() == Some(OsStr::new(extension)))
        .map(|path| {
            path.file_stem()
                .expect("a stem")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

/// The report with the file's bare name, as `strait check` in its directory prints it.
fn report(stem: &str) -> String {
    let mut checked = check_file(&directory().join(format!("{stem}.yaml")));
    assert_eq!(
        checked.config.is_none(),
        checked.report.has_errors(),
        "{stem}"
    );
    checked.report.file = format!("{stem}.yaml");
    checked.report.to_string()
}

#[test]
fn every_mistake_is_reported_as_agreed() {
    let bless = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for stem in stems("yaml") {
        let found = report(&stem);
        assert!(!found.is_empty(), "{stem} has no mistake");
        let path = directory().join(format!("{stem}.txt"));
        if bless {
            fs::write(&path, &found).expect("the report can be written");
        }
        let agreed = fs::read_to_string(&path).unwrap_or_default();
        if found != agreed {
            wrong.push(format!(
                "--- {stem}: agreed\n{agreed}--- {stem}: found\n{found}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(stems("yaml"), stems("txt"), "a report without its file");
}
