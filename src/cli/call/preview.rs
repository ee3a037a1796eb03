//! The preview of a change of many items, for a person who decides about it.

use serde_json::{Value, json};

use crate::cli::{
    language::Language,
    words::{changes, group, list, number, so_many, text},
};

/// What would change, in lines.
pub(super) fn of(answer: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(conflict) = answer.pointer("/error/message").and_then(Value::as_str) {
        lines.push(format!("Nothing was changed: {conflict}."));
        lines.push(String::new());
    }
    let (count, to_change) = (number(answer, "count"), number(answer, "toChange"));
    lines.push(format!("{to_change} of {} would change.", so_many(count)));
    for sample in list(answer, "samples") {
        lines.push(String::new());
        let title = sample.get("title").map(|title| format!(" {title}")).unwrap_or_default();
        lines.push(format!("  {}{title}", sample["id"]));
        lines.extend(
            changes(sample, answer, Language::English)
                .into_iter()
                .map(|change| format!("      {change}")),
        );
    }
    let shown = list(answer, "samples").count();
    if (1..to_change).contains(&shown) {
        lines.push(format!("  and {} more", to_change - shown));
    }
    lines.push(String::new());
    match number(answer, "unchanged") {
        0 => {}
        1 => lines.push("1 item has the values already.".to_owned()),
        unchanged => lines.push(format!("{unchanged} items have the values already.")),
    }
    for (key, heading) in [
        ("cannot", "Cannot be changed:"),
        ("conflicts", "Left alone, not as expected:"),
        ("kept", "Left alone, changed since:"),
    ] {
        if list(answer, key).next().is_some() {
            lines.push(heading.to_owned());
            lines.extend(
                list(answer, key).map(|one| format!("  {}", group(one, Language::English))),
            );
        }
    }
    let remarks = list(answer, "notes").chain(list(answer, "effects"));
    lines.extend(remarks.filter_map(Value::as_str).map(|remark| format!("Note: {remark}.")));
    if to_change > 0 {
        let minutes = match number(answer, "minutes") {
            0 | 1 => "a minute or less".to_owned(),
            minutes => format!("about {minutes} minutes"),
        };
        lines.push(format!("It takes {minutes}."));
    }
    lines.push(String::new());
    lines.join("\n") + "\n"
}

/// What would be put back in one item, in lines.
pub(super) fn of_one(answer: &Value) -> String {
    let mut lines =
        vec![format!("Of item {} this would be put back:", answer["id"]), String::new()];
    let restored = json!({"changes": answer["restored"]});
    lines.extend(
        changes(&restored, answer, Language::English)
            .into_iter()
            .map(|change| format!("  {change}")),
    );
    for kept in list(answer, "kept") {
        lines.push(format!("  {} stays, changed since", text(kept, "field")));
    }
    for cannot in list(answer, "cannot") {
        lines.push(format!("  {} stays: {}", text(cannot, "field"), text(cannot, "why")));
    }
    let notes = list(answer, "notes").filter_map(Value::as_str);
    lines.extend(notes.map(|note| format!("Note: {note}.")));
    lines.push(String::new());
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn a_person_reads_what_would_change() {
        let change = |id: u32, title: &str| {
            json!({"id": id, "title": title, "changes": [
                {"field": "assignedById", "before": 1, "after": 8},
            ]})
        };
        let answer = json!({
            "ok": true, "status": "planned", "count": 340, "toChange": 331, "unchanged": 7,
            "samples": [change(351, "Service contract"), change(352, "Д")],
            "effects": ["the portal may notify people"], "minutes": 3, "confirm": "340.7f.0",
            "cannot": [{"count": 2, "ids": [402, 417], "code": "ACCESS_DENIED", "message": "no right"}],
            "notes": ["`fields.assignedById` was read as user 8"],
            "names": {"assignedById": {"1": "Ivan", "8": "Marta Keller"}},
        });
        let expected = "\
331 of 340 items would change.

  351 \"Service contract\"
      assignedById \"Ivan\" (1) → \"Marta Keller\" (8)

  352 \"Д\"
      assignedById \"Ivan\" (1) → \"Marta Keller\" (8)
  and 329 more

7 items have the values already.
Cannot be changed:
  2 items (402, 417): ACCESS_DENIED, no right
Note: `fields.assignedById` was read as user 8.
Note: the portal may notify people.
It takes about 3 minutes.

";
        assert_eq!(of(&answer), expected);
        let changed = json!({
            "error": {"code": "CONFLICT", "message": "the items are others"},
            "count": 1, "toChange": 0, "unchanged": 1,
            "conflicts": [{"count": 30, "ids": [1, 2], "code": "CONFLICT", "field": "stageId"}],
        });
        let expected = "\
Nothing was changed: the items are others.

0 of 1 item would change.

1 item has the values already.
Left alone, not as expected:
  30 items (1, 2, …): CONFLICT, stageId

";
        assert_eq!(of(&changed), expected);
    }
}
