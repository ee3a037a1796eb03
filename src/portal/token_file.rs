//! The file that keeps renewed tokens: never followed through a link, never where others could
//! replace it, written atomically, locked between processes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

#[cfg(unix)]
use crate::whole_file::others_may;
use crate::whole_file::{self, Access, itself, private};

/// Why a file must not keep tokens, to be read after the setting's name; `None` when it may.
pub fn refusal(file: &Path) -> Option<String> {
    if !file.is_absolute() {
        return Some("must be an absolute path".to_owned());
    }
    if let Ok(metadata) = file.symlink_metadata() {
        if metadata.is_symlink() {
            return Some("names a link; name the file itself".to_owned());
        }
        #[cfg(unix)]
        if metadata.is_file() && others_may(&metadata, 0o022) {
            return Some("names a file that others can write; run `chmod 600`".to_owned());
        }
        #[cfg(unix)]
        if metadata.is_file() && !is_ours(&metadata) {
            return Some("names a file of another user".to_owned());
        }
    }
    #[cfg(unix)]
    if let Some(metadata) = file.parent().and_then(|folder| folder.metadata().ok())
        && others_may(&metadata, 0o002)
    {
        return Some("names a file in a folder that others can write to".to_owned());
    }
    None
}

/// Whether this process's user owns a file, where that can be known.
#[cfg(unix)]
fn is_ours(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").map_or(true, |own| own.uid() == metadata.uid())
}

/// What the file holds.
pub(super) fn read(file: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true);
    let mut text = String::new();
    let mut file = itself(&mut options).open(file)?;
    #[cfg(unix)]
    if others_may(&file.metadata()?, 0o044) {
        tracing::warn!("others can read the token file; the next renewal makes it private");
    }
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Replaces the file.
pub(super) fn replace(file: &Path, content: &str) -> io::Result<()> {
    whole_file::replace(file, content, Access::Private)
}

/// Waits for the lock beside the file on a thread of its own: another process may hold it.
pub(super) async fn lock(file: PathBuf) -> io::Result<File> {
    let lock = move || {
        let mut name = file.into_os_string();
        name.push(".lock");
        let mut options = OpenOptions::new();
        // Not emptied: a file of that name may belong to another program.
        options.create(true).truncate(false).write(true);
        let lock = private(itself(&mut options)).open(PathBuf::from(name))?;
        lock.lock()?;
        Ok(lock)
    };
    tokio::task::spawn_blocking(lock).await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[tokio::test]
    async fn nothing_is_written_through_a_link_or_beside_strangers() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let victim = at("victim");
        fs::write(&victim, "precious").unwrap();

        let file = at("tokens.json");
        assert_eq!(refusal(&file), None);
        replace(&file, "one").unwrap();
        replace(&file, "two").unwrap();
        assert_eq!(read(&file).unwrap(), "two");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(refusal(&file), None);

        symlink(&victim, at("link.json")).unwrap();
        assert!(refusal(&at("link.json")).unwrap().contains("a link"));
        assert!(read(&at("link.json")).is_err());
        symlink(&victim, at("other.json.lock")).unwrap();
        assert!(lock(at("other.json")).await.is_err());
        fs::write(at("locked.json.lock"), "kept").unwrap();
        drop(lock(at("locked.json")).await.unwrap());
        assert_eq!(fs::read_to_string(at("locked.json.lock")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o622)).unwrap();
        assert!(refusal(&file).unwrap().contains("chmod 600"));
        let open = at("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(refusal(&open.join("tokens.json")).unwrap().contains("others can write"));
        assert!(refusal(Path::new("tokens.json")).unwrap().contains("absolute"));
        // Nothing is left behind.
        let left = fs::read_dir(folder.path()).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new")
        });
        assert_eq!(left.count(), 0);
    }
}
