//! Which required fields a portal's refusal names. Only its text tells, in the portal's language.

use std::ops::Range;

use crate::{
    crm::{Naming, field_list::FieldList, names},
    error::Problem,
};

/// The fields that a text of the portal names by their title or name. What is only a part of another
/// field's name there is not meant: "Client" in "Client budget".
pub(super) fn named(list: &FieldList, naming: Naming, description: &str) -> Vec<Problem> {
    let text = description.to_lowercase();
    let found: Vec<_> = list
        .iter()
        .map(|(name, field)| {
            let spellings = [field.title.as_str(), name, &field.upper_name];
            let places: Vec<_> = spellings.iter().flat_map(|it| places(&text, it)).collect();
            (name, field, places)
        })
        .filter(|(.., places)| !places.is_empty())
        .collect();
    let is_part = |place: &Range<usize>| {
        let mut all = found.iter().flat_map(|(.., places)| places);
        all.any(|other| {
            other.len() > place.len() && other.start <= place.start && place.end <= other.end
        })
    };
    let mut problems = Vec::new();
    for (name, field, places) in &found {
        if places.iter().all(is_part) {
            continue;
        }
        let path = format!("fields.{}", names::in_naming(name, naming));
        let message = format!("is required and empty ({})", field.kind.word());
        let options = field.options.iter().map(|(id, text)| (id.to_string(), text.clone()));
        let problem = Problem::new(path, message).titled(&field.title);
        problems.push(problem.among(options.collect()));
    }
    problems
}

/// Where a text, in small letters, has a name as words of their own.
fn places(text: &str, name: &str) -> Vec<Range<usize>> {
    let name = name.trim().to_lowercase();
    if name.is_empty() {
        return Vec::new();
    }
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let is_alone = |place: &Range<usize>| {
        let before = text.get(..place.start).and_then(|before| before.chars().next_back());
        let after = text.get(place.end..).and_then(|after| after.chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    };
    let found = text.match_indices(&name).map(|(at, _)| at..at + name.len());
    found.filter(is_alone).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_required_field_is_found_by_its_title_or_its_name() {
        let field = |title: &str| json!({"type": "string", "title": title, "isRequired": true});
        let list = json!({"fields": {
            "ufCrm_1": field("Budget"), "ufCrm_2": field("Бюджет"), "ufCrm_3": field("Client"),
            "ufCrm_4": field("Client budget"), "title": field("Name"), "ufCrm_5": field(""),
        }});
        let list = FieldList::read(&list).unwrap();
        let cases: [(&str, &[&str]); 9] = [
            ("Required field \"Budget\" is empty", &["fields.ufCrm_1"]),
            ("Не заполнено обязательное поле «Бюджет»", &["fields.ufCrm_2"]),
            ("Field ufCrm_2 is required", &["fields.ufCrm_2"]),
            ("Field UF_CRM_2 is required", &["fields.ufCrm_2"]),
            ("Fill \"Client budget\"", &["fields.ufCrm_4"]),
            ("Fill \"Client\" and \"Client budget\"", &["fields.ufCrm_3", "fields.ufCrm_4"]),
            ("Fill \"Budget\", \"Name\"", &["fields.title", "fields.ufCrm_1"]),
            ("The clients are renamed", &[]),
            ("", &[]),
        ];
        for (text, paths) in cases {
            let found = named(&list, Naming::Camel, text);
            let found: Vec<&str> = found.iter().map(|it| it.path.as_str()).collect();
            assert_eq!(found, paths, "{text}");
        }
        let original = named(&list, Naming::Original, "Budget");
        assert_eq!(original[0].path, "fields.UF_CRM_1");
        assert_eq!(original[0].data.as_ref().unwrap().title, "Budget");
    }
}
