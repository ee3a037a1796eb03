//! The webhook's address: from the keyboard without echo, a file, or standard input; stored once.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use console::Term;
use secrecy::{ExposeSecret, SecretString};

use super::clients::Places;
#[cfg(unix)]
use crate::whole_file::others_may;
use crate::{
    portal::{Scrubber, Secret, SignIn},
    whole_file::{self, Access},
};

/// Nobody pastes more.
const MAX_BYTES: u64 = 8 * 1024;

/// Where the webhook of an entry is stored.
#[derive(Debug)]
pub(super) struct Store {
    file: PathBuf,
}

impl Store {
    /// The file for the entry of a name.
    pub(super) fn new(places: &Places, name: &str) -> Self {
        Self { file: places.of_this_program().join(format!("{name}.webhook")) }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The address that is stored, if there is one.
    pub(super) fn address(&self) -> Option<SecretString> {
        from_file(&self.file).ok().filter(|address| !address.expose_secret().is_empty())
    }

    /// Stores an address, readable by its owner alone from the moment when the file is there.
    pub(super) fn keep(&self, address: &SecretString) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            make_private(folder)?;
        }
        whole_file::replace(&self.file, &format!("{}\n", address.expose_secret()), Access::Private)
    }

    /// Whether its owner alone can read what is stored.
    pub(super) fn is_private(&self) -> bool {
        #[cfg(unix)]
        {
            let is_private = |it: fs::Metadata| it.is_file() && !others_may(&it, 0o077);
            self.file.symlink_metadata().is_ok_and(is_private)
        }
        #[cfg(not(unix))]
        self.file.is_file()
    }

    /// Takes the stored address away; whether there was one.
    pub(super) fn forget(&self) -> io::Result<bool> {
        match fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if !folder.is_dir() => return Err(error),
        _ => {}
    }
    // Whoever may write to the folder could put a file of theirs in the way.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if others_may(&folder.metadata()?, 0o077) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// What a file holds.
pub(super) fn from_file(file: &Path) -> io::Result<SecretString> {
    fs::File::open(file).and_then(text_of)
}

/// What was sent to standard input.
pub(super) fn from_standard_input() -> io::Result<SecretString> {
    text_of(io::stdin())
}

fn text_of(source: impl Read) -> io::Result<SecretString> {
    let mut text = String::new();
    source.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim_start_matches('\u{feff}').trim()))
}

/// What a person types, which is not shown.
pub(super) fn from_keyboard(question: &str) -> io::Result<SecretString> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    let typed = terminal.read_secure_line()?;
    Ok(SecretString::from(typed.trim()))
}

/// A filter for what must not be shown: the secrets of these addresses, and texts that are no addresses, in
/// each way in which a file may spell them.
pub(super) fn scrubber<'a>(texts: impl IntoIterator<Item = &'a str>) -> Scrubber {
    let secrets = texts.into_iter().flat_map(|text| match SignIn::webhook(text) {
        Ok(sign_in) => sign_in.secrets(),
        Err(_) => spellings(text).into_iter().map(Secret::new).collect(),
    });
    Scrubber::new(secrets)
}

/// A text as JSON and TOML may write it: escaped, with escaped slashes, on several lines.
fn spellings(text: &str) -> Vec<String> {
    let escaped = serde_json::Value::from(text).to_string().trim_matches('"').to_owned();
    let with_slashes = escaped.replace('/', "\\/");
    let lines = text.lines().map(|line| line.trim().to_owned());
    [text.to_owned(), escaped, with_slashes].into_iter().chain(lines).collect()
}
