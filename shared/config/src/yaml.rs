//! The file as a tree in which every key and value knows its place.
//!
//! Plain YAML only: one document of mappings with text keys, lists and scalars. Anchors, aliases
//! and tags are refused, so that what stands in the file is what counts. Scalars follow the YAML
//! 1.2 core schema, except that a number with a leading zero is text: nobody agrees what it means.

mod reader;
mod scalar;

pub(crate) use reader::read;

use crate::{
    path::{Path, Step},
    report::Position,
};

/// A value and where it starts.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) value: Value,
}

/// A value as YAML writes it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) position: Position,
    pub(crate) node: Node,
}

impl Node {
    /// The entry of `key` in a mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Where `path` is: its key, or what is nearest above it in the file.
    pub(crate) fn locate(&self, path: &Path) -> Position {
        let mut node = self;
        let mut position = self.position;
        for step in path.steps() {
            match (step, &node.value) {
                (Step::Key(key), Value::Map(_)) => match node.entry(key) {
                    Some(entry) => (node, position) = (&entry.node, entry.position),
                    None => break,
                },
                (Step::Index(index), Value::List(nodes)) => match nodes.get(*index) {
                    Some(item) => (node, position) = (item, item.position),
                    None => break,
                },
                _ => break,
            }
        }
        // A scalar is pointed at itself, a list or mapping at its key.
        match node.value {
            Value::List(_) | Value::Map(_) => position,
            _ => node.position,
        }
    }

    /// The tree without these keys.
    pub(crate) fn without(&self, left_out: &[Path]) -> Node {
        self.prune(&Path::root(), left_out)
    }

    fn prune(&self, here: &Path, left_out: &[Path]) -> Node {
        let value = match &self.value {
            Value::Map(entries) => {
                let kept = entries.iter().map(|entry| (here.key(&entry.key), entry));
                let kept = kept.filter(|(path, _)| !left_out.contains(path));
                Value::Map(
                    kept.map(|(path, entry)| Entry {
                        node: entry.node.prune(&path, left_out),
                        ..entry.clone()
                    })
                    .collect(),
                )
            }
            Value::List(nodes) => {
                let nodes = nodes.iter().enumerate();
                Value::List(
                    nodes
                        .map(|(i, node)| node.prune(&here.index(i), left_out))
                        .collect(),
                )
            }
            scalar => scalar.clone(),
        };
        Node {
            position: self.position,
            value,
        }
    }

    /// The same value without places, for reading it into the types.
    pub(crate) fn to_yaml(&self) -> serde_yaml::Value {
        match &self.value {
            Value::Null => serde_yaml::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(nodes) => {
                serde_yaml::Value::Sequence(nodes.iter().map(Node::to_yaml).collect())
            }
            Value::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.as_str().into(), entry.node.to_yaml()));
                serde_yaml::Value::Mapping(pairs.collect())
            }
        }
    }

    /// The same value without places, for another validator.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect(),
        }
    }
}
