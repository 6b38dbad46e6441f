//! The tables of docs/TORTURE.md, held against what was seen. `UPDATE_TORTURE=1` writes them.

use std::path::PathBuf;
use std::sync::Mutex;

/// Tests run side by side and write one file.
static WRITING: Mutex<()> = Mutex::new(());

/// Checks the table between the marks of that name.
pub fn check(name: &str, table: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/TORTURE.md");
    let _writing = WRITING.lock().unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    let (start, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let from = page
        .find(&start)
        .unwrap_or_else(|| panic!("no table {name}"))
        + start.len();
    let to = from + page[from..].find(&end).expect("the table ends");
    if std::env::var_os("UPDATE_TORTURE").is_some() {
        let written = [&page[..from], table, &page[to..]].concat();
        std::fs::write(&path, written).unwrap();
        return;
    }
    for (told, seen) in page[from..to].lines().zip(table.lines()) {
        assert_eq!(told, seen, "docs/TORTURE.md, table {name}: told, then seen");
    }
    assert_eq!(&page[from..to], table, "docs/TORTURE.md, table {name}");
}
