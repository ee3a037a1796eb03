//! The file fields of a draft: what is kept, what is sent, and what a call must not replace unsaid.

use serde_json::Value;

use super::Draft;
use crate::{
    change::{
        files::{self, Part},
        plan::Want,
    },
    crm::Kind,
    error::Problem,
    resolve::ResolvedField,
};

impl Draft<'_> {
    /// Checks the files together, and what they hold.
    pub(crate) async fn check_files(&mut self) {
        let all = self.asked.iter().flat_map(|asked| asked.want.uploads());
        self.problems.extend(self.files.problem_with(all).map(|it| Problem::new("fields", it)));
        for (asked, path) in self.asked.iter().zip(&self.typed) {
            for upload in asked.want.uploads() {
                self.problems.extend(upload.refusal().await.map(|it| Problem::new(path, it)));
            }
        }
    }

    pub(super) fn files(
        &mut self,
        field: &ResolvedField<'_>,
        path: &str,
        value: Option<&Value>,
    ) -> Option<Want> {
        let now = files::ids(self.now(field));
        let value = value.unwrap_or(&Value::Null);
        let asked = match files::read(value, field.shape.is_multiple, &now, self.files) {
            Ok(asked) => asked,
            Err(wrong) => {
                self.problems.extend(wrong.into_iter().map(|message| Problem::new(path, message)));
                return None;
            }
        };
        if let Some(message) = self.replaces_files(field, &asked, &now) {
            self.problems.push(Problem::new(path, message));
            return None;
        }
        self.notes.extend(asked.notes.iter().map(|note| format!("`{path}`: {note}")));
        if field.shape.kind == Kind::File {
            let kept = asked.kept();
            let deleted: Vec<String> =
                now.iter().filter(|id| !kept.contains(id)).map(ToString::to_string).collect();
            if field.shape.is_multiple && !asked.parts.is_empty() && !deleted.is_empty() {
                self.notes.push(format!(
                    "`{}` holds what is listed alone: file {} is deleted",
                    field.name,
                    deleted.join(", ")
                ));
            }
            return Some(Want::Files(asked.parts));
        }
        match asked.parts.into_iter().next() {
            None => Some(Want::Value(field.shape.cleared())),
            Some(Part::Upload(upload)) => Some(Want::Picture(upload)),
            // `crm.item.update` would store the list that keeps a file as the number 1.
            Some(Part::Keep(_)) => {
                self.notes.push(format!("`{}` stays as it is and is not sent", field.name));
                None
            }
        }
    }

    /// Why files cannot be sent that would replace others which the call does not speak of.
    fn replaces_files(
        &self,
        field: &ResolvedField<'_>,
        asked: &files::Asked,
        now: &[i64],
    ) -> Option<String> {
        if !field.shape.is_multiple || asked.parts.is_empty() {
            return None;
        }
        if self.known.item.is_some() && self.now(field).is_none() {
            let message = "replaces a list of files that the item does not show";
            return Some(message.to_owned());
        }
        let kept = asked.kept();
        if !asked.is_lone || now.iter().all(|id| kept.contains(id)) {
            return None;
        }
        let mut all: Vec<String> = now.iter().map(|id| format!("{{\"id\":{id}}}")).collect();
        let uploads = asked.parts.iter().filter(|part| matches!(part, Part::Upload(_)));
        all.extend(uploads.map(|part| part.shown().to_string()));
        Some(format!(
            "is one file, and the field holds {} others, which it would delete; send the whole list: \
             [{}], or a list of one to replace them",
            now.len(),
            all.join(",")
        ))
    }
}
