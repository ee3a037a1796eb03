//! A client's file: read, kept as a backup, replaced in one step.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::whole_file::{self, Access};

/// A client's file as it is.
#[derive(Debug)]
pub(super) struct ClientFile {
    /// The file itself, where links lead to.
    pub(super) path: PathBuf,
    /// What it holds; `None` when it is not there.
    pub(super) text: Option<String>,
}

/// Why a client's file is not changed.
#[derive(Debug)]
pub(super) enum FileProblem {
    /// A link that leads to no file.
    BrokenLink,
    /// A folder, a device or the like: what leads to `/dev/null` is meant to stay empty.
    NoFile,
    /// Somebody has made it read-only.
    ReadOnly,
    /// Another program has changed it since it was read.
    Changed,
    /// Not UTF-8.
    NoText,
    /// What the system says.
    System(io::Error),
}

impl From<io::Error> for FileProblem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::NoText,
            io::ErrorKind::ResourceBusy => Self::Changed,
            _ => Self::System(error),
        }
    }
}

impl ClientFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, FileProblem> {
        if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(Self { path: path.to_owned(), text: None });
        }
        // Configuration under version control is often linked to.
        let path = path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FileProblem::BrokenLink,
            _ => FileProblem::System(error),
        })?;
        if !path.metadata()?.is_file() {
            return Err(FileProblem::NoFile);
        }
        let text = fs::read_to_string(&path)?;
        Ok(Self { path, text: Some(text) })
    }

    /// Whether a person has protected it from changes.
    pub(super) fn is_read_only(&self) -> bool {
        self.path.metadata().is_ok_and(|it| it.permissions().readonly())
    }

    /// Replaces the text; returns where the one before is kept, which is given without secrets.
    pub(super) fn replace(
        &self,
        text: &str,
        backup: impl FnOnce(&str) -> String,
    ) -> Result<Option<PathBuf>, FileProblem> {
        let Some(before) = &self.text else {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            if self.path.symlink_metadata().is_ok() {
                return Err(FileProblem::Changed);
            }
            whole_file::replace(&self.path, text, Access::Private)?;
            return Ok(None);
        };
        if self.is_read_only() {
            return Err(FileProblem::ReadOnly);
        }
        let is_unchanged = || {
            let is_same = fs::read_to_string(&self.path)? == *before;
            is_same.then_some(()).ok_or_else(|| io::Error::from(io::ErrorKind::ResourceBusy))
        };
        is_unchanged()?;
        let kept = self.keep(backup)?;
        let access = self.path.metadata()?;
        whole_file::replace_if(&self.path, text, Access::As(&access), is_unchanged)?;
        Ok(kept)
    }

    /// Keeps the text, without secrets, beside the file; returns where.
    pub(super) fn keep(
        &self,
        backup: impl FnOnce(&str) -> String,
    ) -> Result<Option<PathBuf>, FileProblem> {
        let Some(text) = &self.text else {
            return Ok(None);
        };
        let kept = self.free_name()?;
        whole_file::replace(&kept, &backup(text), Access::As(&self.path.metadata()?))?;
        Ok(Some(kept))
    }

    /// A name beside the file that says when it was kept, in UTC, and that nothing has yet.
    fn free_name(&self) -> io::Result<PathBuf> {
        let time = Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
        let beside = |ending: String| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let first = std::iter::once(beside(format!(".{time}.bak")));
        let others = (2..100).map(|number| beside(format!(".{time}-{number}.bak")));
        first
            .chain(others)
            .find(|name| name.symlink_metadata().is_err())
            .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))
    }
}
