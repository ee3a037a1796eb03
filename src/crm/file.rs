//! File fields: what a call may ask of them, and whether it was done.
//!
//! The portal stores garbage for a wrong base64 text, empties the field for an empty file, deletes
//! the file when another file's id is kept, and reads a lone pair in a multiple field as two files,
//! all without an error (fact sheet §3). So nothing goes out here that it would not store.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    write::EncoderStringWriter,
};
use serde_json::{Map, Value, json};

use super::kind;

/// Standard base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const FORMS: &str = "`[\"name.pdf\", \"<base64>\"]`, `{\"path\": \"/folder/name.pdf\"}` or \
                     `{\"id\": <id of a file in the field>}`";

/// Which files of this machine may be read, and how large a file may be.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Folders below which paths are allowed; none means that no path is.
    pub folders: Vec<PathBuf>,
    /// The largest file, in bytes.
    pub largest: u64,
}

/// What a field is to hold.
#[derive(Debug)]
pub struct Asked {
    /// The files, in order; none empties the field.
    pub parts: Vec<Part>,
    /// Whether one file was given where a list belongs.
    pub is_lone: bool,
    /// What was repaired.
    pub notes: Vec<String>,
}

impl Asked {
    /// The ids of the files that stay.
    pub fn kept(&self) -> HashSet<i64> {
        kept(&self.parts)
    }
}

fn kept(parts: &[Part]) -> HashSet<i64> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Keep(id) => Some(*id),
            Part::Upload(_) => None,
        })
        .collect()
}

/// One file of a field.
#[derive(Debug)]
pub enum Part {
    /// A file that the field holds already.
    Keep(i64),
    /// A new file.
    Upload(Upload),
}

/// A new file.
#[derive(Debug)]
pub struct Upload {
    name: String,
    size: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Base64 text that was checked.
    Text(String),
    /// A file that was opened and checked, to be read when it is sent.
    Open(File),
}

impl Upload {
    /// Name and size, which is how answers show a content.
    pub fn shown(&self) -> Value {
        json!({"name": self.name, "size": self.size})
    }

    /// The pair that the portal takes: name and base64 text.
    ///
    /// # Errors
    ///
    /// When the file cannot be read to its end.
    pub fn wire(&self) -> io::Result<Value> {
        let text = match &self.content {
            Content::Text(text) => text.clone(),
            Content::Open(file) => {
                let mut file = file;
                file.rewind()?;
                let capacity = usize::try_from(self.size).unwrap_or(0).div_ceil(3) * 4;
                let mut writer =
                    EncoderStringWriter::from_consumer(String::with_capacity(capacity), &BASE64);
                // What was checked is what is sent, also when the file has grown meanwhile.
                let read = io::copy(&mut file.take(self.size), &mut writer)?;
                if read != self.size {
                    return Err(io::Error::other("the file has become shorter"));
                }
                writer.into_inner()
            }
        };
        Ok(json!([self.name, text]))
    }
}

impl Part {
    /// The part as answers show it.
    pub fn shown(&self) -> Value {
        match self {
            Self::Keep(id) => json!({"id": id}),
            Self::Upload(upload) => upload.shown(),
        }
    }

    fn wire(&self) -> io::Result<Value> {
        match self {
            Self::Keep(id) => Ok(json!({"id": id})),
            Self::Upload(upload) => upload.wire(),
        }
    }
}

/// The ids of the files that a field holds.
pub fn ids(now: Option<&Value>) -> Vec<i64> {
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

/// Reads the value of a file field against the files that it holds now.
///
/// # Errors
///
/// Everything that is wrong, to be read after the field's name.
pub fn read(
    value: &Value,
    is_multiple: bool,
    now: &[i64],
    policy: &Policy,
) -> Result<Asked, Vec<String>> {
    let mut asked = Asked { parts: Vec::new(), is_lone: false, notes: Vec::new() };
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    if is_empty {
        return Ok(asked);
    }
    let elements: Vec<&Value> = match value {
        Value::Array(elements) if is_multiple && !is_pair(elements) => elements.iter().collect(),
        one => {
            if is_multiple {
                asked.is_lone = true;
                asked.notes.push("was one file and was read as a list of one".to_owned());
            }
            vec![one]
        }
    };
    let mut wrong = Vec::new();
    let mut kept = HashSet::new();
    for element in elements {
        match read_part(element, now, policy, &mut asked.notes) {
            Ok(Part::Keep(id)) if !kept.insert(id) => {
                wrong.push(format!("keeps file {id} twice; name it once"));
            }
            Ok(part) => asked.parts.push(part),
            Err(message) => wrong.push(message),
        }
    }
    if wrong.is_empty() { Ok(asked) } else { Err(wrong) }
}

/// The wire form of a field.
///
/// # Errors
///
/// When a file cannot be read to its end.
pub fn wire(parts: &[Part], is_multiple: bool) -> io::Result<Value> {
    match parts {
        [] if is_multiple => Ok(json!([])),
        [] => Ok(json!("")),
        [one] if !is_multiple => one.wire(),
        several => Ok(Value::Array(several.iter().map(Part::wire).collect::<io::Result<_>>()?)),
    }
}

/// Whether a field that held `before` and holds `after` is as asked: the kept files are there, and
/// one new file for each upload. What is in a new file the portal does not tell.
pub fn stands(parts: &[Part], before: &[i64], after: &[i64]) -> bool {
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

fn read_part(
    element: &Value,
    now: &[i64],
    policy: &Policy,
    notes: &mut Vec<String>,
) -> Result<Part, String> {
    match element {
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(name), Value::String(text)] => {
                upload_text(name, text, policy, notes).map(Part::Upload)
            }
            _ => Err(format!("must be {FORMS}, not {}", kind::shown(element))),
        },
        Value::Object(parts) => read_object(parts, now, policy, notes),
        other => Err(format!("must be {FORMS}, not {}", kind::shown(other))),
    }
}

fn read_object(
    parts: &Map<String, Value>,
    now: &[i64],
    policy: &Policy,
    notes: &mut Vec<String>,
) -> Result<Part, String> {
    let text = |key: &str| parts.get(key).and_then(Value::as_str);
    if let Some(path) = text("path") {
        return upload_path(Path::new(path), text("name"), policy).map(Part::Upload);
    }
    if let Some(pair) = parts.get("fileData") {
        return read_part(pair, now, policy, notes);
    }
    if let (Some(name), Some(content)) = (text("name"), text("content")) {
        return upload_text(name, content, policy, notes).map(Part::Upload);
    }
    let kept = ids(parts.get("id"));
    let [id] = kept.as_slice() else {
        return Err(format!("must be {FORMS}, not {}", kind::shown(&Value::Object(parts.clone()))));
    };
    if now.contains(id) {
        return Ok(Part::Keep(*id));
    }
    let there: Vec<String> = now.iter().map(ToString::to_string).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(format!(
        "cannot keep file {id}, which is not in the field now (there are: {there}); the portal \
         would delete what is there"
    ))
}

fn upload_text(
    name: &str,
    text: &str,
    policy: &Policy,
    notes: &mut Vec<String>,
) -> Result<Upload, String> {
    let name = checked_name(name)?;
    let mut text = text.trim();
    if let Some((head, rest)) = text.split_once(',')
        && head.starts_with("data:")
    {
        if !head.ends_with(";base64") {
            return Err(format!("`{name}` is a `data:` address without base64"));
        }
        notes.push(format!("the `data:` prefix of `{name}` was taken off"));
        text = rest;
    }
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let content = BASE64.decode(&text).map_err(|error| {
        let error = error.to_string();
        let error = error.trim_end_matches('.');
        format!(
            "the content of `{name}` is not base64, and the portal would store garbage: {error}"
        )
    })?;
    let size = content.len() as u64;
    check_size(&name, size, policy)?;
    Ok(Upload { name, size, content: Content::Text(text) })
}

/// Opens a file below an allowed folder; links and `..` are followed before that is decided.
fn upload_path(path: &Path, name: Option<&str>, policy: &Policy) -> Result<Upload, String> {
    let shown = kind::shown(&json!(path.to_string_lossy()));
    if policy.folders.is_empty() {
        return Err(format!(
            "names the path {shown}, and no folder is open to uploads; a person has to name one in \
             `BITRIX24_FILES_DIR`"
        ));
    }
    if !path.is_absolute() {
        return Err(format!("names the path {shown}, which is not absolute"));
    }
    // One answer for what is missing and what is outside: the difference would tell of files
    // that this program may not read.
    let outside = || {
        format!(
            "names the path {shown}, which is no readable file below a folder of \
             `BITRIX24_FILES_DIR`"
        )
    };
    let real = path.canonicalize().map_err(|_| outside())?;
    let is_inside = policy
        .folders
        .iter()
        .any(|folder| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder)));
    // Opening a pipe would wait for its writer, so what it is comes first.
    let is_file = is_inside && real.metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Err(outside());
    }
    let file = File::open(&real).map_err(|_| outside())?;
    let metadata = file.metadata().map_err(|_| outside())?;
    if !metadata.is_file() {
        return Err(outside());
    }
    let own_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = checked_name(name.unwrap_or(own_name.as_deref().unwrap_or_default()))?;
    check_size(&name, metadata.len(), policy)?;
    Ok(Upload { name, size: metadata.len(), content: Content::Open(file) })
}

fn checked_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.contains(['/', '\\', '\0']) {
        let name = kind::shown(&json!(name));
        return Err(format!("needs a file name such as `offer.pdf`, not {name}"));
    }
    Ok(name.to_owned())
}

fn check_size(name: &str, size: u64, policy: &Policy) -> Result<(), String> {
    if size == 0 {
        return Err(format!("`{name}` is empty, and the portal would empty the field"));
    }
    if size > policy.largest {
        let megabytes = policy.largest / 1024 / 1024;
        return Err(format!("`{name}` has {size} bytes; files may have up to {megabytes} MB"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(folders: &[&Path]) -> Policy {
        let folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
        Policy { folders, largest: 1024 }
    }

    fn sent(value: &Value, is_multiple: bool) -> Result<Value, Vec<String>> {
        let asked = read(value, is_multiple, &[12, 44], &policy(&[]))?;
        Ok(wire(&asked.parts, is_multiple).unwrap())
    }

    #[test]
    fn the_documented_forms_and_natural_ones_are_sent_in_the_documented_form() {
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
            assert_eq!(sent(&value, is_multiple), Ok(wire), "{value}");
        }
    }

    #[test]
    fn what_would_corrupt_or_empty_the_field_is_refused() {
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
            (json!({"path": "/etc/hostname"}), false),
            (json!(["big.bin", BASE64.encode([0; 1025])]), false),
        ];
        for (value, is_multiple) in cases {
            assert!(sent(&value, is_multiple).is_err(), "{value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_stay_below_their_folders() {
        let inside = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let write = |path: PathBuf| std::fs::write(&path, "hello").map(|()| path).unwrap();
        let good = write(inside.path().join("good.txt"));
        let secret = write(outside.path().join("secret.txt"));
        let link_in = inside.path().join("link-in.txt");
        std::os::unix::fs::symlink(&good, &link_in).unwrap();
        let link_out = inside.path().join("link-out.txt");
        std::os::unix::fs::symlink(&secret, &link_out).unwrap();
        let empty = inside.path().join("empty.txt");
        std::fs::write(&empty, "").unwrap();
        let up = inside.path().join("..").join(outside.path().file_name().unwrap());

        let policy = policy(&[inside.path()]);
        let read = |path: &Path| read(&json!({"path": path}), false, &[], &policy);
        for path in [&good, &link_in] {
            let asked = read(path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(wire(&asked.parts, false).unwrap(), json!([name, "aGVsbG8="]));
        }
        let hostile = [
            secret,
            link_out,
            up.join("secret.txt"),
            inside.path().to_path_buf(),
            inside.path().join("missing.txt"),
            PathBuf::from("/dev/zero"),
            PathBuf::from("good.txt"),
            empty,
        ];
        for path in hostile {
            assert!(read(&path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn kept_files_stay_and_each_upload_brings_one() {
        let upload = || {
            Part::Upload(Upload {
                name: "a".into(),
                size: 1,
                content: Content::Text("YQ==".into()),
            })
        };
        let parts = [Part::Keep(12), upload()];
        assert!(stands(&parts, &[12, 255], &[12, 300]));
        assert!(!stands(&parts, &[12, 255], &[12]));
        assert!(!stands(&parts, &[12, 255], &[12, 255, 300]));
        assert!(!stands(&parts, &[12, 255], &[300]));
        assert!(stands(&[], &[12], &[]));
        assert!(!stands(&[upload()], &[12], &[12]));
    }
}
