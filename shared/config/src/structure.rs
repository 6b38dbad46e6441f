//! Whether the file has the shape of the schema: keys, types, choices, ranges, words.
//!
//! Knows the keywords that the configuration's own types produce, and no others.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value as Schema;

use crate::{
    path::Path,
    report::{Finding, Position},
    schema::{choices, nullable, resolve, schema, type_of},
    wording::{allowed, check_word, nearest, noun, quote, reading, shorten, unset},
    yaml::{Entry, Node, Value},
};

/// What is wrong with the shape of a file.
#[derive(Default)]
pub(crate) struct Structure {
    /// Every mistake.
    pub(crate) findings: Vec<Finding>,
    /// The keys to leave out so that the rest can be judged; `None` when leaving out keys that
    /// may be left out does not mend it.
    pub(crate) mended_without: Option<Vec<Path>>,
}

/// Compares the tree with the schema.
pub(crate) fn check(root: &Schema, tree: &Node) -> Structure {
    let structure = Structure {
        findings: Vec::new(),
        mended_without: Some(Vec::new()),
    };
    let mut walk = Walk { root, structure };
    walk.value(
        root,
        tree,
        &Place {
            path: Path::root(),
            key: tree.position,
            optional: None,
        },
    );
    walk.structure
}

struct Walk<'a> {
    root: &'a Schema,
    structure: Structure,
}

/// Where the walk is.
struct Place {
    path: Path,
    /// The position of the key, for what is said about a value that is not there.
    key: Position,
    /// The nearest key above that may be left out, without leaving out a list's item.
    optional: Option<Path>,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Schema, node: &Node, place: &Place) {
        let (schema, may_be_null) = nullable(self.root, schema);
        match &node.value {
            Value::Null if may_be_null => {}
            Value::Null => {
                let finding = Finding::error(place.key, &place.path, "has no value".to_owned());
                self.wrong(
                    finding.allowed(allowed(self.root, schema, may_be_null)),
                    place,
                );
            }
            Value::Map(entries) if type_of(schema) == Some("object") => {
                self.map(schema, node, entries, place);
            }
            Value::List(nodes) if type_of(schema) == Some("array") => {
                self.list(schema, nodes, place);
            }
            _ => self.scalar(schema, node, may_be_null, place),
        }
    }

    fn map(&mut self, schema: &Schema, node: &Node, entries: &[Entry], place: &Place) {
        let known: Vec<&str> = keys(schema).collect();
        let required = |key: &str| {
            let required = schema.get("required").and_then(Schema::as_array);
            required.is_some_and(|required| required.iter().any(|name| name == key))
        };
        let mut meant: Vec<&str> = Vec::new();
        for Entry {
            key,
            position,
            node,
        } in entries
        {
            let path = place.path.key(key);
            let Some(schema) = schema.get("properties").and_then(|known| known.get(key)) else {
                let near = nearest(key, &known);
                meant.extend(near);
                self.unknown_key(key, *position, path, &known, near);
                continue;
            };
            let optional = if required(key) {
                place.optional.clone()
            } else {
                Some(path.clone())
            };
            self.value(
                schema,
                node,
                &Place {
                    path,
                    key: *position,
                    optional,
                },
            );
        }
        for key in known
            .iter()
            .filter(|key| required(key) && !meant.contains(*key))
        {
            if node.entry(key).is_none() {
                let message = format!("the key `{key}` is missing");
                let (schema, null) = nullable(self.root, &schema["properties"][key]);
                let finding = Finding::error(node.position, &place.path, message);
                self.wrong(finding.allowed(allowed(self.root, schema, null)), place);
            }
        }
        if known
            .iter()
            .any(|key| required(key) && node.entry(key).is_none())
        {
            self.leave_out(place);
        }
    }

    fn unknown_key(
        &mut self,
        key: &str,
        position: Position,
        path: Path,
        known: &[&str],
        near: Option<&str>,
    ) {
        let finding = Finding::error(position, &path, "unknown key".to_owned());
        let list: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        let elsewhere = || PLACES.get(key).cloned();
        let suggestion = near.map(str::to_owned).or_else(elsewhere);
        let finding = finding.allowed(list.join(", ")).suggestion(suggestion);
        let optional = Some(path.clone());
        self.wrong(
            finding,
            &Place {
                path,
                key: position,
                optional,
            },
        );
    }

    fn list(&mut self, schema: &Schema, nodes: &[Node], place: &Place) {
        let bound = |name| schema.get(name).and_then(Schema::as_u64);
        let (least, most) = (bound("minItems").unwrap_or(0), bound("maxItems"));
        let count = nodes.len() as u64;
        if count < least || most.is_some_and(|most| count > most) {
            let message = if count == 0 {
                "the list is empty".to_owned()
            } else {
                format!("the list has {count} items")
            };
            let most = most.map_or_else(String::new, |most| format!(" and at most {most}"));
            let finding = Finding::error(place.key, &place.path, message);
            self.wrong(finding.allowed(format!("at least {least}{most}")), place);
        }
        for (index, node) in nodes.iter().enumerate() {
            let path = place.path.index(index);
            let place = Place {
                path,
                key: node.position,
                optional: None,
            };
            self.value(&schema["items"], node, &place);
        }
    }

    fn scalar(&mut self, schema: &Schema, node: &Node, may_be_null: bool, place: &Place) {
        let Some(complaint) = complaint(schema, &node.value) else {
            return;
        };
        let finding = Finding::error(node.position, &place.path, complaint)
            .allowed(allowed(self.root, schema, may_be_null))
            .suggestion(reading(schema, &node.value).or_else(|| unset(&node.value, may_be_null)));
        self.wrong(finding, place);
    }

    fn wrong(&mut self, finding: Finding, place: &Place) {
        self.structure.findings.push(finding);
        self.leave_out(place);
    }

    fn leave_out(&mut self, place: &Place) {
        match (&mut self.structure.mended_without, &place.optional) {
            (Some(paths), Some(optional)) => paths.push(optional.clone()),
            _ => self.structure.mended_without = None,
        }
    }
}

/// What is wrong with a scalar, or with a list or mapping where none belongs.
fn complaint(schema: &Schema, value: &Value) -> Option<String> {
    let words = choices(schema);
    let expected = if words.is_empty() {
        type_of(schema)
    } else {
        Some("string")
    };
    let quoted = quote(value);
    match (expected, value) {
        (Some("boolean"), Value::Bool(_)) => None,
        (Some("integer"), Value::Integer(number)) => {
            let bound = |name| schema.get(name).and_then(Schema::as_i64);
            let (least, most) = (bound("minimum"), bound("maximum"));
            if let Some(least) = least.filter(|least| number < least) {
                Some(format!("{quoted} is below {least}"))
            } else {
                most.filter(|most| number > most)
                    .map(|most| format!("{quoted} is above {most}"))
            }
        }
        (Some("string"), Value::Text(text)) if words.is_empty() => {
            let format = schema.get("format").and_then(Schema::as_str);
            let wrong = format.is_some_and(|format| check_word(format, text).is_err());
            wrong.then(|| format!("{quoted} is not {}", noun(format.unwrap_or_default())))
        }
        (Some("string"), Value::Text(text)) => {
            let known = words.iter().any(|(word, _)| word == text);
            (!known).then(|| format!("{quoted} is not a choice here"))
        }
        (Some("integer"), Value::Float(number)) => {
            let most = schema.get("maximum").and_then(Schema::as_f64);
            let above = most.filter(|most| number > most);
            Some(match above {
                Some(most) => format!("{quoted} is above {most}"),
                None => format!("{quoted} is no whole number"),
            })
        }
        (_, Value::Map(_)) => Some("a mapping stands here".to_owned()),
        (_, Value::List(_)) => Some("a list stands here".to_owned()),
        (_, Value::Text(text)) => Some(format!("`\"{}\"` is text", shorten(text))),
        (_, Value::Integer(_) | Value::Float(_)) => Some(format!("{quoted} is a number")),
        (_, Value::Bool(_)) => Some(format!("{quoted} is a truth value")),
        (_, Value::Null) => Some("has no value".to_owned()),
    }
}

fn keys(schema: &Schema) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Schema::as_object);
    properties
        .into_iter()
        .flat_map(|known| known.keys().map(String::as_str))
}

/// Where in the file each key below the top would be right: `realms[].dscp` for `dscp`.
static PLACES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut places = BTreeMap::new();
    collect_places(schema(), schema(), &Path::root(), &mut places);
    places
});

/// Puts in the keys of `schema` and below, where there is none of the name yet.
fn collect_places(
    root: &Schema,
    schema: &Schema,
    above: &Path,
    places: &mut BTreeMap<String, String>,
) {
    let (schema, _) = nullable(root, schema);
    if let Some(items) = schema.get("items") {
        return collect_places(root, items, &above.items(), places);
    }
    let Some(properties) = schema.get("properties").and_then(Schema::as_object) else {
        return;
    };
    for key in properties.keys().filter(|_| above.depth() > 0) {
        let place = || above.key(key).to_string();
        places.entry(key.clone()).or_insert_with(place);
    }
    for (name, schema) in properties {
        collect_places(root, resolve(root, schema), &above.key(name), places);
    }
}
