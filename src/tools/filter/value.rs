//! What a condition compares with: names of stages, pipelines and directory entries become codes,
//! moments and flags get the form that lists compare, which is not the one that updates take.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    crm::{
        EntityType, Kind, Wrong,
        dates::{self, Moment, Reading},
        kind::{self, can_be_read_as},
        names, text,
    },
    metadata::{CUT_DIRECTORIES, Codes, Entry, Needed, People, Pipeline, ResolvedField, named},
    tools::context::Context,
};

/// A filter looks up so many people.
const MAX_PEOPLE: usize = 5;

/// A value in the form that lists compare, with a remark when it is not the one that was given.
pub(super) struct Read {
    pub(super) wire: Value,
    pub(super) note: Option<String>,
    /// Whether it is a code that the directory does not have.
    pub(super) is_unknown: bool,
}

impl Read {
    fn noted(wire: impl Into<Value>, note: Option<String>) -> Self {
        Self { wire: wire.into(), note, is_unknown: false }
    }
}

impl From<Value> for Read {
    fn from(wire: Value) -> Self {
        Self::noted(wire, None)
    }
}

/// What names are looked up in; what could not be read is not checked.
pub(super) struct Sources {
    entity: EntityType,
    codes: Codes,
    people: HashMap<String, Arc<People>>,
}

impl Sources {
    /// Fetches what values of these kinds are looked up in.
    pub(super) async fn fetch(
        context: Context<'_>,
        entity: EntityType,
        conditions: &[(Kind, &Value)],
        notes: &mut Vec<String>,
    ) -> Self {
        let has = |kind: Kind| conditions.iter().any(|(it, _)| *it == kind);
        let needed = Needed {
            directories: has(Kind::Stage) || has(Kind::Status),
            pipelines: has(Kind::Stage) || has(Kind::Category),
        };
        let codes = Codes::fetch(context.metadata, entity, needed, &context.call.deadline).await;
        if codes.are_cut() {
            notes.push(format!("codes were not checked: {CUT_DIRECTORIES}"));
        }
        if let Some(error) = &codes.directories_error {
            notes.push(format!("codes were not checked: {error}"));
        }
        if let Some(error) = &codes.pipelines_error {
            notes.push(format!("pipelines were not checked: {error}"));
        }
        let mut people = HashMap::new();
        let names = conditions.iter().filter(|(kind, _)| matches!(kind, Kind::User | Kind::Users));
        let names = names.flat_map(|(_, value)| match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(*one),
        });
        let names = names.filter(|value| kind::whole_number(value).is_none());
        let names = names.filter_map(Value::as_str).filter(|name| !name.trim().is_empty());
        for name in names.take(MAX_PEOPLE) {
            match context.metadata.people(name, &context.call.deadline).await {
                Ok(found) => {
                    people.insert(name.to_owned(), found);
                }
                Err(error) => notes.push(format!("people could not be looked up: {error}")),
            }
        }
        Self { entity, codes, people }
    }

    /// Reads one value for a field and an operator; `pipeline` is the one that stages must be of.
    pub(super) fn read(
        &self,
        field: &ResolvedField<'_>,
        operator: &str,
        value: &Value,
        pipeline: Option<i64>,
    ) -> Result<Read, Wrong> {
        let is_nothing = value.is_null() || value.as_str().is_some_and(|it| it.trim().is_empty());
        if is_nothing {
            return Ok(value.clone().into());
        }
        match field.shape.kind {
            Kind::YesNo => match (kind::truth(value), field.row) {
                (None, _) => Err(format!("must be `Y` or `N`, not {}", kind::shown(value)).into()),
                (Some(yes), Some(_)) => Ok(json!(if yes { "Y" } else { "N" }).into()),
                // Custom flags are numbers to filters, whatever answers show.
                (Some(yes), None) => Ok(json!(i32::from(yes)).into()),
            },
            Kind::DateTime => Ok(moment(operator, value)?),
            Kind::Stage => self.stage(value, pipeline),
            Kind::Category => {
                let (id, note) = self.pipeline(value)?;
                Ok(Read::noted(id, note))
            }
            Kind::Status => Ok(self.code(field, value)),
            Kind::User | Kind::Users if kind::whole_number(value).is_none() => self.person(value),
            Kind::Users => Ok(value.clone().into()),
            Kind::Choice => match field.listed {
                Some(listed) => {
                    let (wire, note) = listed.choose(value)?;
                    Ok(Read::noted(wire, note))
                }
                None => Ok(value.clone().into()),
            },
            Kind::Any | Kind::Money | Kind::File | Kind::Picture => Ok(value.clone().into()),
            kind => {
                let encoded = kind.encode(value)?;
                Ok(Read::noted(encoded.wire, encoded.note))
            }
        }
    }

    /// A user by full name or e-mail.
    fn person(&self, value: &Value) -> Result<Read, Wrong> {
        let people = value.as_str().and_then(|typed| Some((typed, self.people.get(typed)?)));
        let found = people.map_or(&[][..], |(_, people)| people.found.as_slice());
        if let Some(one) = people.and_then(|(typed, people)| people.called(typed)) {
            return Ok(Read::noted(one.id, Some(format!("was read as user {}", one.id))));
        }
        let there: Vec<_> = found.iter().map(|it| (it.id, it.name.as_str())).collect();
        let shown = kind::shown(value);
        let message = format!("must be the id, name or e-mail of an active user, not {shown}");
        Err(Wrong::from(message).among(&there))
    }

    /// A pipeline by its id or its name.
    pub(super) fn pipeline(&self, value: &Value) -> Result<(i64, Option<String>), Wrong> {
        let pipelines = self.codes.pipelines();
        if pipelines.is_empty() {
            let id = kind::whole_number(value);
            return id.map(|id| (id, None)).ok_or_else(|| "must be a pipeline's id".into());
        }
        let asked = value.as_str().map(text::folded);
        if let Some(id) = kind::whole_number(value)
            && pipelines.iter().any(|pipeline| pipeline.id == id)
        {
            // A JSON number is an id; a text may be either.
            let is_other = |it: &&Pipeline| it.id != id && Some(text::folded(&it.name)) == asked;
            return match pipelines.iter().find(is_other) {
                None => Ok((id, None)),
                Some(other) => Err(format!(
                    "is ambiguous: {} is the id of one pipeline and the name of pipeline {}; send the \
                     id that is meant as a number",
                    kind::shown(value),
                    other.id
                )
                .into()),
            };
        }
        let one = value.as_str().and_then(|typed| named(typed, pipelines, |it| &it.name));
        if let Some(one) = one {
            return Ok((one.id, Some(format!("was read as pipeline {}", one.id))));
        }
        let there: Vec<(i64, &str)> =
            pipelines.iter().map(|it| (it.id, it.name.as_str())).collect();
        let (entity, shown) = (self.entity, kind::shown(value));
        let message = format!("must be one of the pipelines of {entity} in `options`, not {shown}");
        Err(Wrong::from(message).among(&there))
    }

    /// A stage by its code or its name.
    fn stage(&self, value: &Value, pipeline: Option<i64>) -> Result<Read, Wrong> {
        let Some(asked) = value.as_str().map(str::trim) else {
            return Err("must be the code or the name of a stage".into());
        };
        let stages = self.stages(pipeline);
        if stages.is_empty() || stages.iter().any(|(_, stage)| stage.code == asked) {
            return Ok(Value::from(asked).into());
        }
        let folded = text::folded(asked);
        let is_meant = |stage: &Entry| {
            text::folded(&stage.name) == folded || text::folded(&stage.code) == folded
        };
        let with_pipeline = |(pipeline, stage): &(&str, &Entry)| match *pipeline {
            "" => (stage.code.clone(), stage.name.clone()),
            pipeline => (stage.code.clone(), format!("{} ({pipeline})", stage.name)),
        };
        let meant: Vec<&(&str, &Entry)> =
            stages.iter().filter(|(_, stage)| is_meant(stage)).collect();
        if let [(_, one)] = meant.as_slice() {
            let note = Some(format!("was read as stage {}", text::code(&one.code)));
            return Ok(Read::noted(one.code.as_str(), note));
        }
        if !meant.is_empty() {
            let several: Vec<_> = meant.into_iter().map(with_pipeline).collect();
            let message = "is ambiguous (`options`); add `categoryId`, or send codes";
            return Err(Wrong::from(message).among(&several));
        }
        let there: Vec<_> = stages.iter().map(with_pipeline).collect();
        let nearest = names::nearest(asked, stages.iter().map(|(_, stage)| stage.name.as_str()));
        let nearest = stages.iter().find(|(_, stage)| Some(stage.name.as_str()) == nearest);
        let whose = match pipeline {
            Some(id) => format!("pipeline {id}"),
            None => self.entity.to_string(),
        };
        Err(Wrong {
            message: format!(
                "must be one of the stages of {whose} in `options`, not {}",
                kind::shown(value)
            ),
            meant: nearest.map(|(_, stage)| stage.code.clone()),
            ..Wrong::default()
        }
        .among(&there))
    }

    /// The stages of a pipeline, or of all, with their pipelines' names; none where not all are
    /// known.
    fn stages(&self, pipeline: Option<i64>) -> Vec<(&str, &Entry)> {
        if self.codes.are_cut() {
            return Vec::new();
        }
        let is_asked = |it: &Pipeline| pipeline.is_none_or(|asked| it.id == asked);
        let by_pipeline = self.codes.stages_by_pipeline().into_iter();
        by_pipeline
            .filter(|(pipeline, _)| pipeline.is_none_or(is_asked))
            .flat_map(|(pipeline, stages)| {
                let name = pipeline.map_or("", |it| it.name.as_str());
                stages.iter().map(move |stage| (name, stage))
            })
            .collect()
    }

    /// A directory's entry by its code or its name. Items may hold codes that a directory no longer
    /// has, so unknown codes are passed on.
    fn code(&self, field: &ResolvedField<'_>, value: &Value) -> Read {
        let entries = match field.directory(self.entity) {
            Some(directory) if !self.codes.are_cut() => self.codes.entries(directory),
            _ => &[],
        };
        let asked = value.as_str().unwrap_or_default();
        if entries.is_empty() || entries.iter().any(|entry| entry.code == asked) {
            return value.clone().into();
        }
        if let Some(one) = named(asked, entries, |entry| &entry.name) {
            let note = Some(format!("was read as {}", text::code(&one.code)));
            return Read::noted(one.code.as_str(), note);
        }
        let note = "is not one of the allowed codes; `describe_crm_fields` shows them".to_owned();
        Read { is_unknown: true, ..Read::noted(value.clone(), Some(note)) }
    }
}

/// Whether the text is a day without a clock.
pub(super) fn is_day(text: &str) -> bool {
    matches!(dates::read_date(text), Reading::Exact(_)) && !text.contains(':')
}

/// A moment on the portal's clock: lists have been seen to misread offsets (docs/bitrix24.md,
/// "Dates and times"). A day alone begins or ends at its midnight, whichever the operator means.
fn moment(operator: &str, value: &Value) -> Result<Read, Wrong> {
    let expected = || {
        format!("must be a date and time such as `2026-07-31 10:00:00`, not {}", kind::shown(value))
    };
    let text = value.as_str().ok_or_else(expected)?;
    let read = match dates::read_moment(text) {
        Reading::Exact(moment) | Reading::Repaired(moment) => moment,
        Reading::Ambiguous(moments) => {
            return Err(can_be_read_as(moments.into_iter().map(Moment::wire)).into());
        }
        Reading::Impossible => return Err(expected().into()),
    };
    if is_day(text) && [">", "<="].contains(&operator) {
        return Ok(json!(format!("{} 23:59:59", text.trim())).into());
    }
    let written = read.wire();
    let clock = written.get(..19).unwrap_or_default().replace('T', " ");
    let note = matches!(read, Moment::Instant(..))
        .then(|| format!("was read as `{clock}` on the portal's clock, without its offset"));
    Ok(Read::noted(clock, note))
}
