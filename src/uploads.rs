//! Files that calls send to the portal: which are allowed, how they are opened so that they cannot
//! be replaced meanwhile, and what is sent of them.
//!
//! Whoever writes a call may be misled by what an item says, so a file leaves this machine only
//! from a folder that a person has configured for uploads, and some never do.

use std::{
    ffi::OsStr,
    fs::{File, Metadata, OpenOptions},
    io::{self, Read, Seek},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    write::EncoderStringWriter,
};
use serde_json::{Value, json};

use crate::{
    config::variables::FILES_DIR,
    crm::{Wrong, kind},
};

/// Standard base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Which files of this machine may be read, and how much a call may send.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Folders below which paths are allowed; none means that no path is.
    pub folders: Vec<PathBuf>,
    /// Files that hold this program's own secrets: never sent.
    pub secrets: Vec<PathBuf>,
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// The most files of one call.
    pub max_files: usize,
    /// The most bytes of all files of one call together.
    pub max_total_bytes: u64,
}

impl Policy {
    /// What a call may send at most, where no setting says otherwise: 20 files of 20 MB, 50 MB
    /// together.
    pub const STANDARD: Self = Self {
        folders: Vec::new(),
        secrets: Vec::new(),
        max_bytes: 20 * MEGABYTE,
        max_files: 20,
        max_total_bytes: 50 * MEGABYTE,
    };

    /// What is wrong with sending all of these in one call.
    pub fn problem_with<'a>(&self, uploads: impl Iterator<Item = &'a Upload>) -> Option<String> {
        let (count, bytes) =
            uploads.fold((0, 0), |(count, bytes), it| (count + 1, bytes + it.size));
        if count > self.max_files {
            return Some(format!("name {count} files; a call may send up to {}", self.max_files));
        }
        (bytes > self.max_total_bytes).then(|| {
            format!(
                "name files of {bytes} bytes together; a call may send up to {} MB",
                self.max_total_bytes / MEGABYTE
            )
        })
    }

    fn check_size(&self, name: &str, size: u64) -> Result<(), Wrong> {
        if size == 0 {
            return Err(format!("`{name}` is empty, and the portal would empty the field").into());
        }
        if size > self.max_bytes {
            let megabytes = self.max_bytes / MEGABYTE;
            return Err(
                format!("`{name}` has {size} bytes; files may have up to {megabytes} MB").into()
            );
        }
        Ok(())
    }
}

/// Bytes in a megabyte.
pub const MEGABYTE: u64 = 1024 * 1024;

/// A new file.
#[derive(Debug, Clone)]
pub struct Upload {
    name: String,
    size: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// Base64 text that was checked.
    Text(Arc<str>),
    /// A file that was opened and checked, to be read when it is sent.
    Open { path: PathBuf, file: Arc<File> },
}

impl Upload {
    /// Takes a content as base64 text; `notes` says what was repaired.
    ///
    /// # Errors
    ///
    /// What is wrong with it, to be read after the field's name.
    pub fn text(
        name: &str,
        text: &str,
        policy: &Policy,
        notes: &mut Vec<String>,
    ) -> Result<Self, Wrong> {
        let name = checked_name(name)?;
        let mut text = text.trim();
        if let Some((head, rest)) = text.split_once(',')
            && head.starts_with("data:")
        {
            if !head.ends_with(";base64") {
                return Err(format!("`{name}` is a `data:` address without base64").into());
            }
            notes.push(format!("the `data:` prefix of `{name}` was removed"));
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
        policy.check_size(&name, size)?;
        Ok(Self { name, size, content: Content::Text(text.into()) })
    }

    /// Opens a file below an allowed folder. What was opened is what is checked, and what is sent:
    /// a name could mean another file by then.
    ///
    /// # Errors
    ///
    /// Why it may not be sent, to be read after the field's name.
    pub fn open(path: &Path, name: Option<&str>, policy: &Policy) -> Result<Self, Wrong> {
        let upload = Self::open_any(path, name, policy)?;
        policy.check_size(&upload.name, upload.size).map(|()| upload)
    }

    /// The same whatever its size, for a file that is read here and not sent.
    ///
    /// # Errors
    ///
    /// See [`Self::open`].
    pub fn open_any(path: &Path, name: Option<&str>, policy: &Policy) -> Result<Self, Wrong> {
        let shown = kind::shown(&json!(path.to_string_lossy()));
        if policy.folders.is_empty() {
            return Err(format!(
                "names the path {shown}, and no upload folder is set; a person has to name one \
                 in `{FILES_DIR}`"
            )
            .into());
        }
        if !path.is_absolute() {
            return Err(format!("names the path {shown}, which is not absolute").into());
        }
        // One answer for what is missing and what is outside: the difference would tell of files
        // that this program may not read.
        let outside = || {
            format!(
                "names the path {shown}, which is not a readable file below a folder in \
                 `{FILES_DIR}`"
            )
        };
        let file = open_without_waiting(path).map_err(|_| outside())?;
        let metadata = file.metadata().map_err(|_| outside())?;
        let real = path.canonicalize().map_err(|_| outside())?;
        let below = policy.folders.iter().find_map(|folder| {
            real.strip_prefix(folder.canonicalize().ok()?).ok().map(Path::to_path_buf)
        });
        let Some(below) = below.filter(|_| metadata.is_file() && is_still(&real, &metadata)) else {
            return Err(outside().into());
        };
        let refused = |why: &str| Err(format!("names the path {shown}, {why}").into());
        if has_other_names(&metadata) {
            return refused("which has several hard links, so it may belong to another folder");
        }
        if is_hidden(&below) {
            return refused("which is hidden, and hidden files are never sent");
        }
        if policy.secrets.iter().any(|secret| is_same(secret, &real, &metadata)) {
            return refused("which holds secrets of this program");
        }
        if is_named_like_a_key(&real) {
            return refused("which is named like a private key or a key store");
        }
        let own_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = checked_name(name.unwrap_or(own_name.as_deref().unwrap_or_default()))?;
        let content = Content::Open { path: path.to_owned(), file: Arc::new(file) };
        Ok(Self { name, size: metadata.len(), content })
    }

    /// Name and size, which is how answers show a content.
    pub fn shown(&self) -> Value {
        json!({"name": self.name, "size": self.size})
    }

    /// The file as people know it: its path, or the name that was given, and its size.
    pub fn named(&self) -> String {
        let named = match &self.content {
            Content::Text(_) => kind::shown(&json!(self.name)),
            Content::Open { path, .. } => kind::shown(&json!(path.to_string_lossy())),
        };
        format!("{named} ({} bytes)", self.size)
    }

    /// Why a file is never sent, by what it holds. Read on a thread of its own.
    pub async fn refusal(&self) -> Option<String> {
        let Content::Open { path, file } = &self.content else {
            return None;
        };
        let file = Arc::clone(file);
        let holds_a_key = tokio::task::spawn_blocking(move || {
            let mut start = Vec::new();
            let mut file = file.as_ref();
            file.rewind()?;
            file.take(4_096).read_to_end(&mut start)?;
            Ok::<bool, io::Error>(begins_like_a_key(&start))
        });
        let shown = kind::shown(&json!(path.to_string_lossy()));
        match holds_a_key.await {
            Ok(Ok(false)) => None,
            Ok(Ok(true)) => {
                Some(format!("names the path {shown}, which holds a private key or a key store"))
            }
            _ => Some(format!("names the path {shown}, which cannot be read")),
        }
    }

    /// What it holds. Read on a thread of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be read to its end, or holds more bytes than `most`.
    pub async fn content(&self, most: u64) -> io::Result<Vec<u8>> {
        if self.size > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        match &self.content {
            Content::Text(text) => BASE64.decode(text.as_bytes()).map_err(io::Error::other),
            Content::Open { file, .. } => {
                let (file, size) = (Arc::clone(file), self.size);
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = Vec::new();
                    let mut file = file.as_ref();
                    file.rewind()?;
                    file.take(size).read_to_end(&mut bytes)?;
                    Ok(bytes)
                });
                read.await.map_err(io::Error::other)?
            }
        }
    }

    /// The pair that the portal takes: name and base64 text. Read on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the file cannot be read to its end.
    pub async fn wire(&self) -> io::Result<Value> {
        let text = match &self.content {
            Content::Text(text) => text.to_string(),
            Content::Open { file, .. } => {
                let (file, size) = (Arc::clone(file), self.size);
                tokio::task::spawn_blocking(move || encoded(&file, size))
                    .await
                    .map_err(io::Error::other)??
            }
        };
        Ok(json!([self.name, text]))
    }
}

fn encoded(mut file: &File, size: u64) -> io::Result<String> {
    file.rewind()?;
    let capacity = usize::try_from(size).unwrap_or(0).div_ceil(3) * 4;
    let mut writer = EncoderStringWriter::from_consumer(String::with_capacity(capacity), &BASE64);
    // What was checked is what is sent, also when the file has grown meanwhile.
    let read = io::copy(&mut file.take(size), &mut writer)?;
    if read != size {
        return Err(io::Error::other("the file has become shorter"));
    }
    Ok(writer.into_inner())
}

/// Opens what the name means itself, not what a link there leads to; a pipe does not wait for its
/// writer.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC,
    );
    options.open(path)
}

/// Whether a real path names the file that was opened.
fn is_still(real: &Path, opened: &Metadata) -> bool {
    real.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && is_one(&metadata, opened))
}

fn is_same(other: &Path, real: &Path, opened: &Metadata) -> bool {
    let is_one_file = other.metadata().is_ok_and(|metadata| is_one(&metadata, opened));
    other.canonicalize().is_ok_and(|other| other == real) || (cfg!(unix) && is_one_file)
}

#[cfg(unix)]
fn is_one(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_one(one: &Metadata, other: &Metadata) -> bool {
    one.len() == other.len() && one.modified().ok() == other.modified().ok()
}

#[cfg(unix)]
fn has_other_names(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) != 1
}

#[cfg(not(unix))]
const fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Whether a part of the path below the folder begins with a dot.
fn is_hidden(below: &Path) -> bool {
    below.components().any(|part| match part {
        Component::Normal(name) => name.to_string_lossy().starts_with('.'),
        _ => false,
    })
}

fn is_named_like_a_key(path: &Path) -> bool {
    const NAMES: [&str; 6] =
        ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"];
    const ENDINGS: [&str; 8] = ["p12", "pfx", "jks", "jceks", "keystore", "bks", "ppk", "kdbx"];
    let lower = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().to_lowercase());
    lower(path.file_name()).is_some_and(|name| NAMES.contains(&name.as_str()))
        || lower(path.extension()).is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Private keys in text forms, and the key stores of Java and `KeePass`.
fn begins_like_a_key(start: &[u8]) -> bool {
    const MAGIC: [&[u8]; 4] =
        [b"\xFE\xED\xFE\xED", b"\xCE\xCE\xCE\xCE", b"\x03\xD9\xA2\x9A", b"openssh-key-v1\0"];
    let text = String::from_utf8_lossy(start);
    let is_pem = text.lines().any(|line| {
        let line = line.trim();
        line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")
    });
    is_pem
        || text.starts_with("PuTTY-User-Key-File")
        || MAGIC.iter().any(|magic| start.starts_with(magic))
}

/// A name that the portal, and people who download the file, can use as it is.
fn checked_name(name: &str) -> Result<String, Wrong> {
    const MAX_BYTES: usize = 255;
    let name = name.trim();
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '/' | '\\' | '\u{61c}' | '\u{200e}' | '\u{200f}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if name.is_empty() || name == "." || name == ".." || name.contains(is_odd) {
        let name = kind::shown(&json!(name));
        return Err(format!("needs a file name such as `offer.pdf`, not {name}").into());
    }
    if name.len() > MAX_BYTES {
        return Err(format!(
            "has a file name of {} bytes; it may have up to {MAX_BYTES}",
            name.len()
        )
        .into());
    }
    Ok(name.to_owned())
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
