//! File fields: what a call may request, and whether it was applied.
//!
//! The portal stores garbage for a wrong base64 text, empties the field for an empty file, deletes
//! the file when another file's id is kept, and reads a lone pair in a multiple field as two files,
//! all without an error (docs/bitrix24.md, "Files"). So nothing is sent here that it would not
//! store.

use std::{collections::HashSet, io, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    crm::{Kind, Wrong, kind},
    uploads::{Policy, Upload},
};

const FORMS: &str = "`[\"name.pdf\", \"<base64>\"]`, `{\"path\": \"/folder/name.pdf\"}` or \
                     `{\"id\": <id of a file in the field>}`";

/// The requested files, as far as they are known without the item.
#[derive(Debug, Clone)]
pub(super) struct Requested {
    /// The files, in order; none empties the field.
    pub(super) parts: Vec<Part>,
    /// Whether one file was given where a list belongs.
    pub(super) is_lone: bool,
    /// What was repaired.
    pub(super) notes: Vec<String>,
}

impl Requested {
    /// The ids of the files that stay.
    pub(super) fn kept(&self) -> HashSet<i64> {
        kept(&self.parts)
    }

    /// What is wrong with keeping files that the field does not hold.
    pub(super) fn kept_wrongly(&self, now: &[i64]) -> Vec<Wrong> {
        let missing = self.parts.iter().filter_map(|part| match part {
            Part::Keep(id) if !now.contains(id) => Some(*id),
            _ => None,
        });
        let there: Vec<String> = now.iter().map(ToString::to_string).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        missing
            .map(|id| {
                format!(
                    "cannot keep file {id}, which is not in the field now (it holds: {there}); the \
                     portal would delete those files"
                )
                .into()
            })
            .collect()
    }
}

fn kept(parts: &[Part]) -> HashSet<i64> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Keep(id) => Some(*id),
            Part::Upload(_) | Part::Path { .. } => None,
        })
        .collect()
}

/// One file of a field.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// A file that the field holds already.
    Keep(i64),
    /// A new file.
    Upload(Upload),
    /// A file of this machine that was not opened yet.
    Path {
        /// Its path.
        path: PathBuf,
        /// Its name in the portal, if not its own.
        name: Option<String>,
    },
}

impl Part {
    /// The part as answers show it.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Keep(id) => json!({"id": id}),
            Self::Upload(upload) => upload.shown(),
            Self::Path { path, .. } => json!({"path": path.to_string_lossy()}),
        }
    }

    /// Opens the file of a path; every other part stays what it is.
    ///
    /// # Errors
    ///
    /// Why it may not be sent, to be read after the field's name.
    pub(super) fn open(self, policy: &Policy) -> Result<Self, Wrong> {
        match self {
            Self::Path { path, name } => {
                Upload::open(&path, name.as_deref(), policy).map(Self::Upload)
            }
            other => Ok(other),
        }
    }

    async fn wire(&self) -> io::Result<Value> {
        match self {
            Self::Keep(id) => Ok(json!({"id": id})),
            Self::Upload(upload) => upload.wire().await,
            Self::Path { .. } => Err(io::Error::other("a file was not opened")),
        }
    }
}

/// The ids of the files that a field holds.
pub(super) fn ids(now: Option<&Value>) -> Vec<i64> {
    fn id(value: &Value) -> Option<i64> {
        match value {
            Value::Object(file) => id(file.get("id")?),
            Value::Number(number) => number.as_i64().filter(|id| *id > 0),
            Value::String(text) => text.trim().parse().ok().filter(|id| *id > 0),
            _ => None,
        }
    }
    match now {
        Some(Value::Array(files)) => files.iter().filter_map(id).collect(),
        Some(one) => id(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The ids of the files that a field is expected to hold, as items show them.
///
/// # Errors
///
/// What the value must be, to be read after the field's name.
pub(super) fn read_held(value: &Value) -> Result<Vec<i64>, Wrong> {
    if Kind::Picture.is_empty(value) {
        return Ok(Vec::new());
    }
    let given = match value {
        Value::Array(files) => files.as_slice(),
        one => std::slice::from_ref(one),
    };
    let held = ids(Some(value));
    if held.len() == given.len() {
        return Ok(held);
    }
    let expected = "in `expect` must name the files that the field holds, as in `{\"id\": 12}`";
    Err(format!("{expected}, not {}", kind::shown(value)).into())
}

/// Reads the value of a file field; beside it comes all that is wrong, to be read after the field's
/// name.
pub(super) fn read(value: &Value, is_multiple: bool, policy: &Policy) -> (Requested, Vec<Wrong>) {
    let mut requested = Requested { parts: Vec::new(), is_lone: false, notes: Vec::new() };
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    if is_empty {
        return (requested, Vec::new());
    }
    let elements: Vec<&Value> = match value {
        Value::Array(elements) if is_multiple && !is_pair(elements) => elements.iter().collect(),
        one => {
            if is_multiple {
                requested.is_lone = true;
                requested.notes.push("was one file and was read as a list of one".to_owned());
            }
            vec![one]
        }
    };
    let mut wrong = Vec::new();
    let mut kept = HashSet::new();
    for element in elements {
        match read_part(element, policy, &mut requested.notes) {
            Ok(Part::Keep(id)) if !kept.insert(id) => {
                wrong.push(format!("keeps file {id} twice; send it once").into());
            }
            Ok(part) => requested.parts.push(part),
            Err(one) => wrong.push(one),
        }
    }
    (requested, wrong)
}

/// The wire form of a field.
///
/// # Errors
///
/// When a file cannot be read to its end.
pub(super) async fn wire(parts: &[Part], is_multiple: bool) -> io::Result<Value> {
    match parts {
        [] if is_multiple => Ok(json!([])),
        [] => Ok(json!("")),
        [one] if !is_multiple => one.wire().await,
        several => {
            let mut wire = Vec::with_capacity(several.len());
            // One after the other: each is held in memory while it is read.
            for part in several {
                wire.push(part.wire().await?);
            }
            Ok(wire.into())
        }
    }
}

/// Whether a field that held `before` and holds `after` has the requested files: the kept ones, and
/// one new file for each upload. The portal does not tell the content of a new file.
pub(super) fn are_applied(parts: &[Part], before: &[i64], after: &[i64]) -> bool {
    let kept = kept(parts);
    let uploads = parts.len() - kept.len();
    let before: HashSet<&i64> = before.iter().collect();
    let new = after.iter().filter(|id| !before.contains(id)).count();
    new == uploads
        && after.iter().filter(|id| kept.contains(id)).count() == kept.len()
        && after.len() == parts.len()
}

/// `["name.pdf", "<base64>"]`: two texts.
fn is_pair(elements: &[Value]) -> bool {
    matches!(elements, [Value::String(_), Value::String(_)])
}

fn read_part(element: &Value, policy: &Policy, notes: &mut Vec<String>) -> Result<Part, Wrong> {
    match element {
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(name), Value::String(text)] => {
                Upload::text(name, text, policy, notes).map(Part::Upload)
            }
            _ => Err(unreadable(element)),
        },
        Value::Object(parts) => {
            let text = |key: &str| parts.get(key).and_then(Value::as_str);
            if let Some(path) = text("path") {
                let name = text("name").map(str::to_owned);
                return Ok(Part::Path { path: path.into(), name });
            }
            if let Some(pair) = parts.get("fileData") {
                return read_part(pair, policy, notes);
            }
            if let (Some(name), Some(content)) = (text("name"), text("content")) {
                return Upload::text(name, content, policy, notes).map(Part::Upload);
            }
            match ids(parts.get("id")).as_slice() {
                [id] => Ok(Part::Keep(*id)),
                _ => Err(unreadable(element)),
            }
        }
        other => Err(unreadable(other)),
    }
}

fn unreadable(element: &Value) -> Wrong {
    format!("must be {FORMS}, not {}", kind::shown(element)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy { max_bytes: 1024, ..Policy::STANDARD }
    }

    async fn sent(value: &Value, is_multiple: bool) -> Result<Value, Vec<Wrong>> {
        let (requested, mut wrong) = read(value, is_multiple, &policy());
        wrong.extend(requested.kept_wrongly(&[12, 44]));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut parts = Vec::new();
        for part in requested.parts {
            parts.push(part.open(&policy()).map_err(|wrong| vec![wrong])?);
        }
        Ok(wire(&parts, is_multiple).await.unwrap())
    }

    #[tokio::test]
    async fn the_documented_forms_and_natural_ones_are_sent_in_the_documented_form() {
        let pair = json!(["a.txt", "aGVsbG8="]);
        let cases = [
            (pair.clone(), false, pair.clone()),
            (json!({"id": 12}), false, json!({"id": 12})),
            (json!(""), false, json!("")),
            (json!(null), false, json!("")),
            (json!([]), true, json!([])),
            (json!(""), true, json!([])),
            (json!([{"id": 12}, {"id": "44"}, pair]), true, json!([{"id": 12}, {"id": 44}, pair])),
            (pair.clone(), true, json!([pair])),
            (json!({"id": 12}), true, json!([{"id": 12}])),
            (json!({"fileData": pair}), false, pair.clone()),
            (json!({"name": "a.txt", "content": "aGVsbG8"}), false, json!(["a.txt", "aGVsbG8"])),
            (json!(["a.txt", "data:text/plain;base64,aGVs\nbG8="]), false, pair.clone()),
        ];
        for (value, is_multiple, wire) in cases {
            assert_eq!(sent(&value, is_multiple).await, Ok(wire), "{value}");
        }
    }

    #[tokio::test]
    async fn what_would_corrupt_or_empty_the_field_is_refused() {
        let cases = [
            (json!("a.txt"), false),
            (json!(433), false),
            (json!(["a.txt"]), false),
            (json!(["a.txt", "not base64!"]), false),
            (json!(["a.txt", ""]), false),
            (json!(["a.txt", "data:text/plain,hello"]), false),
            (json!(["", "aGVsbG8="]), false),
            (json!(["../a.txt", "aGVsbG8="]), false),
            (json!({"id": 99}), false),
            (json!({"id": 99}), true),
            (json!([{"id": 12}, {"id": 99}]), true),
            (json!([12, 44]), true),
            (json!([{"id": 12}, {"id": 12}]), true),
            (json!({"path": "/etc/hostname"}), false),
            (json!(["big.bin", "A".repeat(1_368)]), false),
        ];
        for (value, is_multiple) in cases {
            assert!(sent(&value, is_multiple).await.is_err(), "{value}");
        }
    }

    #[test]
    fn kept_files_stay_and_each_upload_brings_one() {
        let upload = || {
            let upload = Upload::text("a", "YQ==", &policy(), &mut Vec::new());
            Part::Upload(upload.unwrap())
        };
        let parts = [Part::Keep(12), upload()];
        assert!(are_applied(&parts, &[12, 255], &[12, 300]));
        assert!(!are_applied(&parts, &[12, 255], &[12]));
        assert!(!are_applied(&parts, &[12, 255], &[12, 255, 300]));
        assert!(!are_applied(&parts, &[12, 255], &[300]));
        assert!(are_applied(&[], &[12], &[]));
        assert!(!are_applied(&[upload()], &[12], &[12]));
    }
}
