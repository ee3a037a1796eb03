//! What is known of an entity type's fields, and a line for each of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{choices::Sources, row::Row};
use crate::{
    crm::{
        EntityType, Naming,
        catalog::{self, Access},
        field_list::FieldList,
        field_names, names, text,
    },
    error::{Failure, Problem},
    metadata::{Fields, Metadata, Unresolved},
    tools::{context::Context, render::narrowed},
};

/// What is known of an entity type's fields.
pub(super) struct Description<'a> {
    pub(super) context: Context<'a>,
    pub(super) entity: EntityType,
    naming: Naming,
    list: Arc<FieldList>,
    sources: Sources,
    /// What could not be read, and what was repaired.
    pub(super) notes: Vec<String>,
}

impl<'a> Description<'a> {
    pub(super) async fn fetch(
        context: Context<'a>,
        entity: EntityType,
        naming: Naming,
        mut notes: Vec<String>,
    ) -> Result<Self, Failure> {
        context.metadata.learn_lists(entity, &context.call.deadline).await;
        let (list, sources) = tokio::join!(
            context.metadata.field_list(entity, &context.call.deadline),
            Sources::fetch(context, entity, &mut notes),
        );
        let list = list.map_err(|error| context.unreadable(entity, Metadata::FIELDS, &error))?;
        Ok(Self { context, entity, naming, list, sources, notes })
    }

    /// Fetches the currencies, if that was not tried before.
    pub(super) async fn fetch_currencies(&mut self) {
        self.sources.fetch_currencies(self.context, &mut self.notes).await;
    }

    /// The fields, those of the catalogue first and in its order.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let fields = self.fields();
        let place = |name: &str| catalog::FIELDS.iter().position(|row| row.name == name);
        let mut listed: Vec<_> = self.list.iter().collect();
        listed.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        listed
            .into_iter()
            .map(|(name, field)| {
                let is_renamed = self.naming == Naming::Original && names::is_custom(name);
                let name = if is_renamed { field.upper_name.clone() } else { name.to_owned() };
                let resolved = fields.describe(name.clone());
                let choices = self.sources.of(self.entity, field, &resolved);
                Row { entity: self.entity, name, field, resolved, choices }
            })
            .filter(|row| row.resolved.row.is_none_or(|row| row.access != Access::Hidden))
            .collect()
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields { entity: self.entity, naming: self.naming, item: None, list: Some(&self.list) }
    }

    /// A line for each field that can be written, and the names of the others.
    pub(super) fn all_fields(self) -> Value {
        let (writable, others): (Vec<_>, Vec<_>) =
            self.rows().into_iter().partition(Row::is_writable);
        let lines: Vec<String> = writable.iter().map(Row::line).collect();
        let others: Vec<String> = others.into_iter().map(|row| row.name).collect();
        let answer = json!({
            "ok": true,
            "entityTypeId": self.entity.id(),
            "readOnly": others.join(", "),
            "fields": lines,
            "notes": self.notes,
        });
        narrowed(answer, "fields", "find the field with `query`")
    }

    /// The field that was named: by its code, its exact title, or what people call it.
    pub(super) fn named(&mut self, typed: &str) -> Result<String, Problem> {
        let problem = match self.fields().resolve(typed, "field") {
            Ok(field) => return Ok(field.name),
            Err(Unresolved::Ambiguous(problem)) => return Err(problem),
            Err(Unresolved::Unknown(problem)) => problem,
        };
        if let Some(name) = self.fields().titled(typed) {
            self.notes.push(format!("`field` is the title of `{name}`"));
            return Ok(name);
        }
        let name = self.only_field_called(typed).ok_or(problem)?;
        self.notes.push(format!("`field` was read as `{name}`"));
        Ok(name.to_owned())
    }

    fn only_field_called(&self, typed: &str) -> Option<&'static str> {
        let typed = text::folded(typed);
        let is_called = |name: &str| {
            field_names::spoken(name).iter().any(|spoken| text::folded(spoken) == typed)
        };
        let there = catalog::FIELDS.iter().filter(|row| self.list.get(row.name).is_some());
        let mut called = there.map(|row| row.name).filter(|name| is_called(name));
        called.next().filter(|_| called.next().is_none())
    }
}
