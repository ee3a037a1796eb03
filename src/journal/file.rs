//! Appends lines to the journal's file, which other processes append to, too.
//!
//! A line is written at once, under a lock. A process can be killed in the midst of a line: the next
//! writer ends it. A renamed file belongs to whoever renamed it: the next line goes to a new one.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::unavailable::Unavailable;
use crate::{
    random,
    whole_file::{itself, private},
};

/// How long to wait for others that hold the lock.
const MOST_WAIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(2);

/// How often a file may be replaced while it is being locked.
const MOST_REPLACED: u32 = 3;

/// The file, which is opened when it is first needed.
#[derive(Debug)]
pub(super) struct Appended {
    path: PathBuf,
    open: Option<File>,
    was_warned: bool,
}

impl Appended {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, was_warned: false }
    }

    /// Adds a line, which ends with its line end. After an error nothing of it is in the file, as far
    /// as it can still be taken back.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<(), Unavailable> {
        let deadline = Instant::now() + MOST_WAIT;
        let mut replaced = 0;
        loop {
            let file = match self.open.take() {
                Some(file) => file,
                None => self.opened().map_err(|it| Unavailable::new("cannot be opened", &it))?,
            };
            lock(&file, deadline)?;
            if replaced < MOST_REPLACED && !is_at(&file, &self.path) {
                replaced += 1;
                continue;
            }
            let written = write(&file, line);
            // A file that could not be unlocked is closed, which unlocks it.
            self.open = file.unlock().is_ok().then_some(file);
            return written.map_err(|it| Unavailable::new("cannot be written", &it));
        }
    }

    fn opened(&mut self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = private(itself(&mut options)).open(&self.path)?;
        if !self.was_warned && is_open_to_others(&file) {
            self.was_warned = true;
            tracing::warn!("other users of this machine can read or write the journal's file");
        }
        Ok(file)
    }
}

/// Whether a line could be appended. A file that is not there is not made; one beside it is, and goes
/// again.
///
/// # Errors
///
/// Why it could not.
pub fn can_be_written(path: &Path) -> Result<(), Unavailable> {
    let failed = |error| Unavailable::new("cannot be opened", &error);
    match itself(OpenOptions::new().read(true).append(true)).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened.map(|_| ()).map_err(failed),
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.try", random::text().map_err(failed)?));
    let beside = PathBuf::from(name);
    OpenOptions::new().write(true).create_new(true).open(&beside).map_err(failed)?;
    fs::remove_file(&beside).map_err(failed)
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> bool {
    file.metadata().is_ok_and(|it| it.is_file() && crate::whole_file::others_may(&it, 0o077))
}

#[cfg(not(unix))]
const fn is_open_to_others(_: &File) -> bool {
    false
}

fn lock(file: &File, deadline: Instant) -> Result<(), Unavailable> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            // Where a file system has no locks, a line is still written at once.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(());
            }
            Err(TryLockError::Error(error)) => {
                return Err(Unavailable::new("cannot be locked", &error));
            }
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Unavailable::locked()),
        }
    }
}

/// Whether the path still names the file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else {
        return false;
    };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else {
        return false;
    };
    open.len() == named.len() && open.created().ok() == named.created().ok()
}

fn write(mut file: &File, line: &[u8]) -> io::Result<()> {
    let metadata = file.metadata()?;
    let length = metadata.len();
    let written = if ends_in_the_midst_of_a_line(file, length)? {
        file.write_all(&[b"\n", line].concat())
    } else {
        file.write_all(line)
    };
    if written.is_err() && metadata.is_file() {
        let _ = file.set_len(length);
    }
    written
}

fn ends_in_the_midst_of_a_line(mut file: &File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
