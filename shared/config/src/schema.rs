//! The JSON Schema of the file, made from the types; editors complete and check with it.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::Config;

/// Where the schema is published, for the `$id` that editors show.
const ID: &str = "https://github.com/strait-sbc/strait/blob/main/configs/strait.schema.json";

/// The JSON Schema (draft 2020-12) of the configuration file.
///
/// Words of our own carry both a `pattern`, for editors, and a `format` that names what
/// [`Config::load`] reads them as.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = SchemaSettings::draft2020_12()
            .into_generator()
            .into_root_schema_for::<Config>();
        schema.insert("$id".to_owned(), ID.into());
        schema.insert("title".to_owned(), "Strait configuration".into());
        schema.to_value()
    });
    &SCHEMA
}

/// `schema`, or what it refers to among the definitions of `root`.
pub(crate) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix('#'));
    target.map_or(schema, |pointer| {
        root.pointer(pointer)
            .expect("the schema defines what it refers to")
    })
}

/// The schema of a key that may be null, and whether it may be: `anyOf: [schema, null]`.
pub(crate) fn nullable<'a>(root: &'a Value, schema: &'a Value) -> (&'a Value, bool) {
    let null = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("null");
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(branches) => {
            let branch = branches
                .iter()
                .find(|branch| !null(branch))
                .unwrap_or(schema);
            (resolve(root, branch), branches.iter().any(null))
        }
        None => {
            let types = schema.get("type").and_then(Value::as_array);
            let or_null = types.is_some_and(|types| types.iter().any(|t| t == "null"));
            (resolve(root, schema), or_null)
        }
    }
}

/// The one type of a schema that is not `null`, as JSON Schema names it; none for a choice.
pub(crate) fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|t| *t != "null"),
        name => name.as_str(),
    }
}

/// The words of a choice with what each means; empty for anything else.
pub(crate) fn choices(schema: &Value) -> Vec<(&str, &str)> {
    let branches = schema.get("oneOf").and_then(Value::as_array);
    branches.into_iter().flatten().filter_map(choice).collect()
}

fn choice(branch: &Value) -> Option<(&str, &str)> {
    let meaning = branch
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some((branch.get("const")?.as_str()?, meaning))
}
