//! A file that is replaced in one step, so that nobody reads half of it; how private files are opened.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::random;

/// Who may do what with the file afterwards.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// Its owner may read and write it, from the moment when it is there; others may do nothing.
    Private,
    /// Who may do it with the file that it replaces, which also keeps its owner.
    As(&'a Metadata),
}

/// Replaces a file, or makes it. A link of that name is replaced itself.
///
/// # Errors
///
/// What the system says; the file is then as it was.
pub fn replace(file: &Path, content: &str, access: Access<'_>) -> io::Result<()> {
    replace_if(file, content, access, || Ok(()))
}

/// The same unless something speaks against it at the last moment, when everything else is done.
///
/// # Errors
///
/// What the system says, or what spoke against it; the file is then as it was.
pub fn replace_if(
    file: &Path,
    content: &str,
    access: Access<'_>,
    check: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", random::text()?));
    let new = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut written = private(&mut options).open(&new)?;
    let replaced = written
        .write_all(content.as_bytes())
        .and_then(|()| give(&written, access))
        .and_then(|()| written.sync_all())
        .and_then(|()| check())
        .and_then(|()| fs::rename(&new, file));
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    replaced
}

fn give(file: &File, access: Access<'_>) -> io::Result<()> {
    let Access::As(other) = access else {
        return Ok(());
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (other.uid(), other.gid()) {
            fchown(file, Some(other.uid()), Some(other.gid()))?;
        }
    }
    file.set_permissions(other.permissions())
}

/// What the name means itself, not what a link there leads to.
pub fn itself(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options
}

/// Readable by its owner alone.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Whether others than the owner may do something that these bits of a mode allow.
#[cfg(unix)]
pub fn others_may(metadata: &Metadata, bits: u32) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & bits != 0
}
