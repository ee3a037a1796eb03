//! What is fetched before a plan can be made: the codes that the portal has, and the people whose
//! names were typed.

use std::{collections::HashMap, sync::Arc};

use crate::{
    crm::EntityType,
    metadata::{Codes, Metadata, Needed, People, named},
    portal::{Deadline, PortalError},
};

/// A text typed for a code, which only the portal can confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UncheckedCode {
    /// Where it was typed.
    pub(super) path: String,
    /// What was typed.
    pub(super) typed: String,
    /// What it should be the code of.
    pub(super) meant: Meant,
}

/// What a code identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// A pipeline of the entity type.
    Pipeline,
    /// A stage of this pipeline.
    Stage(i64),
    /// An entry of this directory.
    Entry(String),
    /// A user of the portal.
    Person,
}

/// What the portal has, as far as it was looked up.
#[derive(Debug)]
pub(super) struct Lookups {
    pub(super) codes: Codes,
    people: HashMap<String, Result<Arc<People>, PortalError>>,
}

impl Lookups {
    /// No lookups.
    pub(super) fn none(entity: EntityType) -> Self {
        Self { codes: Codes::none(entity), people: HashMap::new() }
    }

    /// Fetches what the codes are looked up in.
    pub(super) async fn fetch(
        metadata: &Metadata,
        entity: EntityType,
        codes: &[UncheckedCode],
        deadline: &Deadline,
    ) -> Self {
        let has = |is_it: fn(&Meant) -> bool| codes.iter().any(|code| is_it(&code.meant));
        let needed = Needed {
            directories: has(|meant| matches!(meant, Meant::Stage(_) | Meant::Entry(_))),
            pipelines: has(|meant| *meant == Meant::Pipeline),
        };
        let fetched = Codes::fetch(metadata, entity, needed, deadline).await;
        let mut people = HashMap::new();
        for code in codes.iter().filter(|code| code.meant == Meant::Person) {
            let found = metadata.people(&code.typed, deadline).await;
            people.insert(code.typed.clone(), found);
        }
        Self { codes: fetched, people }
    }

    /// The code of the one choice that is called so.
    pub(super) fn code_of(&self, name: &UncheckedCode) -> Option<String> {
        if name.meant == Meant::Person {
            let people = self.people.get(&name.typed)?.as_ref().ok()?;
            return people.called(&name.typed).map(|person| person.id.to_string());
        }
        let choices = self.choices(name).ok()?;
        let is_a_code = choices.iter().any(|(code, _)| *code == name.typed);
        if is_a_code || self.codes.are_cut() {
            return None;
        }
        named(&name.typed, &choices, |(_, called)| called).map(|(code, _)| code.clone())
    }

    /// The real codes of which this is to be one, with their names.
    pub(super) fn choices(
        &self,
        code: &UncheckedCode,
    ) -> Result<Vec<(String, String)>, &PortalError> {
        let Codes { directories_error, pipelines_error, .. } = &self.codes;
        let entries = |entries: &[crate::metadata::Entry]| {
            entries.iter().map(|entry| (entry.code.clone(), entry.name.clone())).collect()
        };
        let failed = match code.meant {
            Meant::Pipeline => pipelines_error.as_ref(),
            Meant::Stage(_) | Meant::Entry(_) => directories_error.as_ref(),
            Meant::Person => None,
        };
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(match &code.meant {
            Meant::Pipeline => {
                let pipelines = self.codes.pipelines().iter();
                pipelines.map(|it| (it.id.to_string(), it.name.clone())).collect()
            }
            Meant::Stage(pipeline) => entries(self.codes.stages(*pipeline)),
            Meant::Entry(directory) => entries(self.codes.entries(directory)),
            Meant::Person => match self.people.get(&code.typed) {
                Some(Ok(people)) => {
                    people.found.iter().map(|it| (it.id.to_string(), it.name.clone())).collect()
                }
                Some(Err(error)) => return Err(error),
                None => Vec::new(),
            },
        })
    }
}
