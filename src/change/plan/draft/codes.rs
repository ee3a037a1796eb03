//! The codes of a draft: which are looked up, and whether a stage fits the pipeline that the item is to
//! stand in.

use serde_json::Value;

use super::{Draft, InDoubt, Meant};
use crate::{
    change::plan::Want,
    crm::{Kind, kind, stage},
    error::Problem,
    resolve::ResolvedField,
};

impl Draft<'_> {
    /// Notes what differs from the standing value, to be looked up in the directory: portals store any text
    /// as the code of a source or a type (fact sheet §1.5).
    pub(super) fn doubt_codes(&mut self, field: &ResolvedField<'_>, path: &str, wire: &Value) {
        let Some(directory) = field.directory(self.known.entity) else { return };
        if field.shape.kind != Kind::Status {
            return;
        }
        let standing = self.now(field);
        let doubt = |path: String, value: &Value| {
            let typed = value.as_str().filter(|typed| !typed.is_empty())?.to_owned();
            Some(InDoubt { path, typed, meant: Meant::Entry(directory.to_owned()) })
        };
        match wire {
            Value::Array(values) => {
                let new = match standing {
                    Some(standing) => field.shape.dropped(standing, wire),
                    None => values.iter().collect(),
                };
                let new = new.into_iter().enumerate();
                self.in_doubt.extend(new.filter_map(|(at, it)| doubt(format!("{path}.{at}"), it)));
            }
            one if standing == Some(one) => {}
            one => self.in_doubt.extend(doubt(path.to_owned(), one)),
        }
    }

    /// The pipeline that the call asks for.
    pub(super) fn asked_pipeline(&self) -> Option<i64> {
        self.asked.iter().find_map(|asked| match &asked.want {
            Want::Value(value) if asked.shape.kind == Kind::Category => value.as_i64(),
            _ => None,
        })
    }

    /// The pipeline that the item stands in.
    pub(super) fn own_pipeline(&self) -> Option<i64> {
        let item = self.known.item?;
        let code = item.get("stageId").and_then(Value::as_str);
        let of_stage = code.and_then(|code| stage::pipeline(self.known.entity, code).ok()?);
        of_stage.or_else(|| kind::whole_number(item.get("categoryId")?))
    }

    /// The pipeline that the item is to stand in.
    pub(super) fn target_pipeline(&self) -> Option<i64> {
        self.asked_pipeline().or_else(|| self.own_pipeline())
    }

    /// Whether a stage fits the entity type and the pipeline that the item is to stand in.
    pub(super) fn stage_problem(&self, path: &str, value: &Value) -> Option<Problem> {
        let entity = self.known.entity;
        let code = value.as_str().filter(|code| !code.is_empty())?;
        let pipeline = match stage::pipeline(entity, code) {
            Ok(Some(pipeline)) => pipeline,
            Ok(None) => return None,
            Err(message) => {
                let meant = self.own_pipeline().filter(|_| stage::is_name(code));
                let meant = meant.map(|category| stage::code(entity, category, code));
                return Some(Problem::new(path, message).suggest(meant));
            }
        };
        let working_call = serde_json::json!({"categoryId": pipeline, "stageId": code}).to_string();
        match (self.asked_pipeline(), self.own_pipeline()) {
            (Some(asked), _) if asked != pipeline => {
                let message = format!(
                    "is a stage of pipeline {pipeline}, and `categoryId` asks for pipeline {asked}"
                );
                Some(Problem::new(path, message).suggest(Some(working_call)))
            }
            (None, Some(own)) if own != pipeline => {
                let is_movable = crate::crm::catalog::field(entity, "categoryId").is_some();
                let name = code.rsplit(':').next().unwrap_or(code);
                let here = stage::code(entity, own, name);
                let to_move =
                    if is_movable { "; to move the item, send `categoryId` too" } else { "" };
                let message = format!(
                    "is a stage of pipeline {pipeline}, and the item stands in pipeline {own}, where \
                     a stage of that name would be `{here}`{to_move}"
                );
                Some(Problem::new(path, message).suggest(is_movable.then_some(working_call)))
            }
            _ => None,
        }
    }
}
