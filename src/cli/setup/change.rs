//! One client: what setup would change in its file, and the change itself.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{
    claude,
    clients::{Client, Places},
    diff,
    document::{Document, Unusable},
    entry::{self, Start},
    file::{ClientFile, FileProblem},
    webhook::scrubber,
};
use crate::{portal::Scrubber, text::on_one_line};

/// What is to be done with a client.
pub(super) enum Step {
    /// Its entry is as it is to be; `None` when there is none and is to be none.
    AsItIs(Option<Map<String, Value>>),
    Change(Change),
}

/// A change of a client's file, which has not been made yet.
pub(super) struct Change {
    pub(super) client: Client,
    pub(super) file: ClientFile,
    /// The entry that it is to have; none when it is taken out.
    pub(super) entry: Option<Map<String, Value>>,
    /// What is run instead of writing the file.
    command: Option<PathBuf>,
    had_entry: bool,
    after: String,
    /// What is taken out of the copy that is kept.
    own_secrets: Scrubber,
    /// What is not shown.
    all_secrets: Scrubber,
}

/// Why a client is left as it is.
#[derive(Debug)]
pub(super) enum Refusal {
    File(FileProblem),
    Unusable(Unusable),
    /// The entry of that name is another server's.
    Foreign,
    /// What a client's own program said, and where the text before is kept.
    Command(String, Option<PathBuf>),
}

impl From<FileProblem> for Refusal {
    fn from(problem: FileProblem) -> Self {
        Self::File(problem)
    }
}

impl From<Unusable> for Refusal {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

/// Which entry is set, or that it is taken out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) start: Option<&'a Start>,
    /// A webhook's address that must not be shown.
    pub(super) secret: Option<&'a str>,
}

impl Step {
    /// Reads a client's file and finds out what has to be changed.
    pub(super) fn plan(
        client: Client,
        places: &Places,
        wanted: Wanted<'_>,
    ) -> Result<Self, Refusal> {
        let Wanted { name, start, secret } = wanted;
        let file = ClientFile::read(&client.file(places))?;
        let text = file.text.as_deref().unwrap_or_default();
        let document = Document::parse(client.form(), text)?;
        let existing = document.entry(client.key(), name)?;
        let secrets = existing.iter().flat_map(entry::secrets).chain(secret);
        let own_secrets: Vec<&str> = secrets.collect();
        let mut others = document.value();
        if let Some(servers) = others.get_mut(client.key()).and_then(Value::as_object_mut) {
            servers.remove(name);
        }
        let all_secrets =
            diff::probable_secrets(&others).into_iter().chain(own_secrets.iter().copied());
        let (all_secrets, own_secrets) =
            (scrubber(all_secrets), scrubber(own_secrets.iter().copied()));
        let entry = match start {
            Some(start) => {
                let entry = entry::connected(client, existing.as_ref(), start);
                let entry = entry.map_err(|entry::Foreign| Refusal::Foreign)?;
                if existing.as_ref().and_then(Value::as_object) == Some(&entry) {
                    return Ok(Self::AsItIs(Some(entry)));
                }
                Some(entry)
            }
            None => match &existing {
                None => return Ok(Self::AsItIs(None)),
                Some(existing) if entry::is_ours(existing) => None,
                Some(_) => return Err(Refusal::Foreign),
            },
        };
        let after = match &entry {
            Some(entry) => document.with(client.key(), name, entry)?,
            None => document.without(client.key(), name)?,
        };
        let command = match client {
            Client::ClaudeCode => places.program("claude"),
            _ => None,
        };
        if file.is_read_only() {
            return Err(FileProblem::ReadOnly.into());
        }
        let had_entry = existing.is_some();
        Ok(Self::Change(Change {
            client,
            file,
            entry,
            command,
            had_entry,
            after,
            own_secrets,
            all_secrets,
        }))
    }
}

impl Change {
    /// The lines that change.
    pub(super) fn diff(&self) -> String {
        diff::of(self.file.text.as_deref().unwrap_or_default(), &self.after, &self.all_secrets)
    }

    /// The client's own commands that make the change, if it has some.
    fn commands(&self, name: &str) -> Vec<Vec<String>> {
        if self.command.is_none() {
            return vec![];
        }
        let removal = self.had_entry.then(|| claude::remove(name));
        let addition = self.entry.as_ref().map(|entry| claude::add(name, entry, self.had_entry));
        removal.into_iter().chain(addition).collect()
    }

    /// Those commands as they are shown.
    pub(super) fn shown_commands(&self, name: &str) -> Vec<String> {
        let commands = self.commands(name).into_iter();
        commands.map(|it| self.all_secrets.text(&it.join(" ")).into_owned()).collect()
    }

    /// Makes the change; returns where the text before is kept.
    pub(super) fn carry_out(&self, name: &str) -> Result<Option<PathBuf>, Refusal> {
        let without_secrets = |text: &str| self.own_secrets.text(text).into_owned();
        let Some(program) = &self.command else {
            return Ok(self.file.replace(&self.after, without_secrets)?);
        };
        // It adds to its file by itself; what is replaced would be lost.
        let kept = if self.had_entry { self.file.keep(without_secrets)? } else { None };
        for arguments in self.commands(name) {
            claude::run(program, &arguments).map_err(|said| {
                let said = on_one_line(&self.all_secrets.text(&said));
                Refusal::Command(said, kept.clone())
            })?;
        }
        Ok(kept)
    }
}
