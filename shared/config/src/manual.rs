//! The manual of the file's keys, in Markdown, made from the types' own words.

use serde_json::Value as Schema;

use crate::{
    schema::{choices, nullable, schema, type_of},
    wording::allowed,
};

const OPENING: &str = "# Configuration

<!-- Made from the types by `strait config-manual`; a test compares the two. -->

One YAML file serves both processes and the operator's command. `strait check -c FILE` explains
every mistake with its line and column; `strait schema` prints the JSON Schema that editors
complete and check with (also in `configs/strait.schema.json`; name it in the first line of a file
as `# yaml-language-server: $schema=strait.schema.json`).

The file is plain YAML 1.2: UTF-8, one document, no anchors, aliases or tags, no key twice, no key
that is not below. IPv6 addresses are quoted. Durations are a whole number and a unit: `500ms`,
`25s`, `5m`, `1h`. A number with a leading zero is refused. Names are 1 to 32 letters, digits, `-`,
`_` and `.`, the first a letter or digit.

Four whole examples lie in `configs/`: `software.yaml`, for real phones on one machine without
privileges, `carrier.yaml`, with several realms and both families, `server.yaml`, a SIP server for a
domain of its own, and `dpdk.yaml`, with NICs that DPDK drives.
";

/// `docs/CONFIG.md`.
pub fn manual() -> String {
    let schema = schema();
    let mut text = OPENING.to_owned();
    let mut sections = Vec::new();
    collect(schema, schema, String::new(), &mut sections);
    for Section {
        path,
        schema: section,
    } in sections
    {
        let title = if path.is_empty() {
            "The file".to_owned()
        } else {
            format!("`{path}`")
        };
        text.push_str(&format!("\n## {title}\n\n{}\n", description(section)));
        if let Some(example) = section.get("x-example").and_then(Schema::as_str) {
            text.push_str(&format!("\n```yaml\n{example}\n```\n"));
        }
        text.push('\n');
        for (key, value) in properties(section) {
            text.push_str(&item(schema, section, key, value));
        }
    }
    text
}

/// One mapping of the file and where it stands.
struct Section<'a> {
    path: String,
    schema: &'a Schema,
}

/// The mapping at `path` and every one below it, in the order of the types.
fn collect<'a>(root: &'a Schema, at: &'a Schema, path: String, sections: &mut Vec<Section<'a>>) {
    let (schema, _) = nullable(root, at);
    match type_of(schema) {
        Some("object") => {
            sections.push(Section {
                path: path.clone(),
                schema,
            });
            for (key, value) in properties(schema) {
                let dot = if path.is_empty() { "" } else { "." };
                collect(root, value, format!("{path}{dot}{key}"), sections);
            }
        }
        Some("array") => collect(root, &schema["items"], format!("{path}[]"), sections),
        _ => {}
    }
}

/// One key: what it takes, its default, what it means.
fn item(root: &Schema, section: &Schema, key: &str, value: &Schema) -> String {
    let (resolved, may_be_null) = nullable(root, value);
    let required = section.get("required").and_then(Schema::as_array);
    let needed = if required.is_some_and(|keys| keys.iter().any(|name| name == key)) {
        "required".to_owned()
    } else {
        default(resolved, value)
    };
    let words = choices(resolved);
    let takes = match type_of(resolved) {
        Some("object") => "a mapping, see below".to_owned(),
        Some("array") if type_of(nullable(root, &resolved["items"]).0) == Some("object") => {
            "a list of mappings, see below".to_owned()
        }
        _ => allowed(root, resolved, may_be_null),
    };
    let mut text = format!("- **`{key}`** ({takes}; {needed})\n");
    text.push_str(&indented(&description(value)));
    for (word, meaning) in words {
        text.push_str(&format!("  - `{word}`: {}\n", joined(meaning)));
    }
    text
}

fn default(resolved: &Schema, value: &Schema) -> String {
    match value.get("default") {
        Some(Schema::String(word)) => format!("default `{word}`"),
        Some(Schema::Null) | None => "not set by default".to_owned(),
        Some(Schema::Array(items)) if items.is_empty() => "empty by default".to_owned(),
        Some(Schema::Array(items)) => format!("{} by default", flow(items)),
        Some(_) if type_of(resolved) == Some("object") => "its own defaults".to_owned(),
        Some(other) => format!("default `{other}`"),
    }
}

/// Words, or mappings without the keys that are not set, as YAML writes them on one line.
fn flow(items: &[Schema]) -> String {
    let pairs = |item: &Schema| -> Vec<String> {
        let keys = item.as_object().into_iter().flatten();
        let set = keys.filter(|(_, value)| !value.is_null());
        set.map(|(key, value)| format!("{key}: {}", value.as_str().unwrap_or_default()))
            .collect()
    };
    let all: Vec<String> = items
        .iter()
        .map(|item| match (item.as_str(), pairs(item)) {
            (Some(word), _) => word.to_owned(),
            (None, set) if set.is_empty() => "{}".to_owned(),
            (None, set) => format!("{{ {} }}", set.join(", ")),
        })
        .collect();
    format!("`[{}]`", all.join(", "))
}

fn properties(schema: &Schema) -> impl Iterator<Item = (&str, &Schema)> {
    let known = schema.get("properties").and_then(Schema::as_object);
    known
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
}

fn description(schema: &Schema) -> String {
    joined(
        schema
            .get("description")
            .and_then(Schema::as_str)
            .unwrap_or_default(),
    )
}

/// Doc comments wrap where their code is wide; here one sentence follows the other.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Wraps at 100 columns below a list item.
fn indented(text: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("starts with one line");
        if line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push(format!("  {word}"));
        } else {
            line.push_str(&format!(" {word}"));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{structure, yaml};

    #[test]
    fn every_key_is_described_and_every_example_is_right() {
        let schema = schema();
        let mut sections = Vec::new();
        collect(schema, schema, String::new(), &mut sections);
        let mut examples = 0;
        for Section {
            path,
            schema: section,
        } in sections
        {
            assert!(!description(section).is_empty(), "{path} is not described");
            for (key, value) in properties(section) {
                assert!(
                    !description(value).is_empty(),
                    "{path}.{key} is not described"
                );
            }
            let Some(example) = section.get("x-example").and_then(Schema::as_str) else {
                continue;
            };
            examples += 1;
            let mut alone = section.clone();
            alone["$defs"] = schema["$defs"].clone();
            let (tree, findings) = yaml::read(example);
            assert!(findings.is_empty(), "{path}: {findings:?}");
            let tree = tree.expect("an example");
            let whole = tree.entry(
                path.rsplit('.')
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches("[]"),
            );
            let node = whole.map_or(&tree, |entry| &entry.node);
            let node = match &node.value {
                yaml::Value::List(items) => &items[0],
                _ => node,
            };
            let structure = structure::check(&alone, node);
            assert!(
                structure.findings.is_empty(),
                "{path}: {:?}",
                structure.findings
            );
        }
        assert!(examples >= 10, "{examples} examples");
    }
}
