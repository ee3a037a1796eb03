//! No false success and no false refusal: what counts as the same value, on portals that keep,
//! change and hide what they were asked for.

use serde_json::{Value, json};

use crate::{
    scripted_portal::Reply,
    support::{Answered, FIND, GET, on_portal, problems},
};

/// Custom fields as a portal lists them.
fn field_list() -> Reply {
    let field = |kind: &str, is_multiple: bool| json!({"type": kind, "isMultiple": is_multiple});
    let options = json!([
        {"ID": "44", "VALUE": "Partner"}, {"ID": "45", "VALUE": "12"}, {"ID": "12", "VALUE": "Fair"},
    ]);
    Reply::Json(
        200,
        json!({"result": {"fields": {
            "ufCrm_1": field("string", false),
            "ufCrm_2": field("string", true),
            "ufCrm_3": {"type": "enumeration", "isMultiple": false, "items": options},
            "ufCrm_4": {"type": "enumeration", "isMultiple": true, "items": options},
            "ufCrm_5": field("date", false),
            "ufCrm_6": field("money", false),
            "ufCrm_7": field("double", false),
            "ufCrm_8": field("crm", true),
            "ufCrm_9": field("file", true),
            "ufCrm_10": field("address", false),
            "ufCrm_11": field("date", true),
            "ufCrm_12": field("boolean", false),
        }}}),
    )
}

/// An item's fields before and after an update that the portal answers with success.
async fn update_between(before: Value, after: Value, mut call: Value) -> (Answered, Vec<Value>) {
    let item = |fields: &Value, at: &str| {
        let mut item = json!({"id": 351, "updatedTime": format!("2026-11-24T{at}:00:00+02:00")});
        item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Reply::item(item)
    };
    let is_saved = before != after;
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![item(&before, "10")]),
        ("crm.item.fields", vec![field_list()]),
        ("crm.item.update", vec![item(&after, if is_saved { "11" } else { "10" })]),
    ])
    .await;
    call["id"] = json!(351);
    if call.get("entityTypeId").is_none() {
        call["entityTypeId"] = json!(2);
    }
    let answer = server.update(call).await;
    let writes = portal.requests().into_iter().filter(|it| it.path.ends_with("crm.item.update"));
    (answer, writes.map(|write| write.body["fields"].clone()).collect())
}

/// How an update of one field ends: the status or the code, what is said of a field that was
/// not applied, and what was written.
async fn outcome(field: &str, before: Value, asked: Value, after: Value) -> String {
    let call = json!({"fields": {field: asked}});
    let (answer, sent) = update_between(json!({field: before}), json!({field: after}), call).await;
    verdict(&answer, &sent)
}

fn verdict(answer: &Answered, sent: &[Value]) -> String {
    let json = &answer.json;
    if !answer.is_error {
        let is_rewritten = json["notes"].to_string().contains("in its own form");
        let note = if is_rewritten { ", rewritten" } else { "" };
        return format!("{}{note}", json["status"].as_str().unwrap());
    }
    let error = &json["error"];
    let why = json["notApplied"][0]["why"].as_str().unwrap_or("refused");
    let is_sent = if sent.is_empty() { "not sent" } else { "sent" };
    format!(
        "{} {why}, written {}, {is_sent}",
        error["code"].as_str().unwrap(),
        error["written"].as_str().unwrap()
    )
}

const IGNORED: &str = "NOT_APPLIED ignored, written no, sent";
const REFUSED: &str = "INVALID_ARGUMENTS refused, written no, not sent";

#[tokio::test]
async fn only_what_was_asked_or_the_portals_own_form_of_it_counts_as_applied() {
    let moscow = "1985-07-20T03:00:00+04:00";
    let new_york = "1985-07-19T19:00:00-04:00";
    let cases = [
        // Days as portals answer them.
        ("ufCrm_5", json!(moscow), json!("1985-07-20"), json!(moscow), "unchanged"),
        ("ufCrm_5", json!(moscow), json!(moscow), json!(moscow), "unchanged"),
        ("ufCrm_5", json!(new_york), json!("1985-07-20"), json!(new_york), "unchanged"),
        ("ufCrm_5", json!(new_york), json!(new_york), json!(new_york), "unchanged"),
        ("ufCrm_5", json!(new_york), json!("1985-07-19"), json!(new_york), IGNORED),
        ("ufCrm_5", json!(null), json!("1985-07-20"), json!(new_york), "updated"),
        ("ufCrm_5", json!(null), json!(new_york), json!(null), REFUSED),
        ("ufCrm_11", json!([moscow]), json!([moscow]), json!([moscow]), "unchanged"),
        // Numbers.
        (
            "ufCrm_7",
            json!(7_707_083_893_i64),
            json!(7_707_083_894_i64),
            json!(7_707_083_893_i64),
            IGNORED,
        ),
        ("opportunity", json!(25e9), json!(25_000_000_001_i64), json!("25000000000.00"), IGNORED),
        ("opportunity", json!("25000000000.00"), json!(25_000_000_000_i64), json!(0), "unchanged"),
        ("opportunity", json!(0), json!(1234.567), json!("1234.5700"), "updated, rewritten"),
        (
            "ufCrm_6",
            json!("25000000000|VND"),
            json!("25000000001|VND"),
            json!("25000000000|VND"),
            IGNORED,
        ),
        ("ufCrm_6", json!("5|EUR"), json!("99.999|EUR"), json!("100|EUR"), "updated, rewritten"),
        ("ufCrm_6", json!("5|EUR"), json!("5|USD"), json!("5|EUR"), IGNORED),
        // Digits in text.
        ("ufCrm_1", json!(""), json!(12_000.0), json!("12000.0"), REFUSED),
        ("ufCrm_1", json!(""), json!(40_702_810_900_000_012_345.0), json!(""), REFUSED),
        ("ufCrm_1", json!(""), json!(4_070_281_090_i64), json!("4070281090"), "updated"),
        ("ufCrm_1", json!("123"), json!("0123"), json!("123"), IGNORED),
        // Lists.
        ("ufCrm_2", json!(["a", "b"]), json!(["b", "a"]), json!(["a", "b"]), IGNORED),
        (
            "ufCrm_2",
            json!(["a", "a", "b"]),
            json!(["a", "b", "b"]),
            json!(["a", "b", "b"]),
            "updated",
        ),
        ("ufCrm_4", json!(["44", "12"]), json!([12, 44]), json!(["44", "12"]), "unchanged"),
        ("ufCrm_8", json!(["D_1", "C_2"]), json!(["C_2", "D_1"]), json!([]), "unchanged"),
        ("observers", json!([1, 2]), json!([2, 1]), json!([1, 2]), "unchanged"),
        ("contactIds", json!([1, 2]), json!([2, 1]), json!([2, 1]), "updated"),
        ("observers", json!({"1": 1, "3": 2}), json!([2, 1]), json!([]), "unchanged"),
        ("ufCrm_2", json!({"1": "a"}), json!(["a", "b"]), json!({"1": "a", "2": "b"}), "updated"),
        ("ufCrm_2", json!([]), json!(["a", "", "a"]), json!(["a", "a"]), "updated"),
        ("ufCrm_4", json!([]), json!([44, "44"]), json!(["44"]), "updated"),
        // Rewrites.
        (
            "comments",
            json!("Call [Monday]"),
            json!("Call [Tuesday]"),
            json!("Call [Monday]"),
            IGNORED,
        ),
        ("comments", json!("‹one›"), json!("‹two›"), json!("‹one›"), IGNORED),
        (
            "comments",
            json!("x"),
            json!("<b>Call</b> back"),
            json!("[b]Call[/b] back"),
            "updated, rewritten",
        ),
        ("comments", json!("Call back"), json!("<b>Call</b> back"), json!("Call back"), IGNORED),
        (
            "comments",
            json!("x"),
            json!("<a href=\"https://a.example\">here</a>"),
            json!("[url=https://b.example]here[/url]"),
            "CHANGED_BY_PORTAL portal_set_another_value, written yes, sent",
        ),
        ("ufCrm_1", json!("x"), json!(" a  b "), json!("a b"), "updated, rewritten"),
        ("ufCrm_1", json!("a b"), json!(" a  b "), json!("a b"), IGNORED),
        ("ufCrm_10", json!(""), json!("Main St 1"), json!("Main St 1|;|35"), "updated, rewritten"),
        ("ufCrm_10", json!("Main St 2|;|35"), json!("Main St 1"), json!("Main St 2|;|35"), IGNORED),
    ];
    let running = cases.map(|(field, before, asked, after, expected)| {
        let name = format!("{field} {before} {asked}");
        (name, expected, tokio::spawn(outcome(field, before, asked, after)))
    });
    for (name, expected, found) in running {
        assert_eq!(found.await.unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_field_that_is_not_shown_is_neither_empty_nor_as_expected() {
    let hidden = || json!({"title": "a"});
    let unknown = "NOT_APPLIED unknown_to_portal, written unknown, sent";
    let cases = [
        (2, json!({"clear": ["ufCrm_1"]}), false, unknown),
        (
            2,
            json!({"clear": ["ufCrm_1"]}),
            true,
            "NOT_APPLIED unknown_to_portal, written yes, sent",
        ),
        (2, json!({"fields": {"ufCrm_12": "N"}}), false, unknown),
        (
            2,
            json!({"fields": {"ufCrm_1": "x"}}),
            true,
            "NOT_APPLIED unknown_to_portal, written yes, sent",
        ),
        (3, json!({"clear": ["fm"]}), false, REFUSED),
        (3, json!({"fields": {"fm": {"12": {"value": "+1"}}}}), false, REFUSED),
        (2, json!({"fields": {"observers": 5}}), false, REFUSED),
        (2, json!({"fields": {"ufCrm_9": [["a.txt", "aGVsbG8="]]}}), false, REFUSED),
    ];
    for (entity_type_id, call, is_saved, expected) in cases {
        let mut call = call;
        call["entityTypeId"] = json!(entity_type_id);
        let after = if is_saved { json!({"title": "a", "saved": 1}) } else { hidden() };
        let (answer, sent) = update_between(hidden(), after, call.clone()).await;
        assert_eq!(verdict(&answer, &sent), expected, "{call}");
    }
    let call = json!({"fields": {"title": "b"}, "expect": {"companyId": ""}});
    let (answer, sent) = update_between(hidden(), hidden(), call).await;
    assert_eq!(answer.json["error"]["code"], "CONFLICT");
    let message = "is not shown by the item, so its value is unknown";
    assert_eq!(problems(&answer), [json!(["expect.companyId", message, null])]);
    assert!(sent.is_empty());
}

#[tokio::test]
async fn what_is_ambiguous_is_refused_with_its_readings() {
    let item = || {
        json!({
            "contactIds": [5, 6], "observers": [1, 2], "ufCrm_2": ["a", "b"], "ufCrm_3": null,
            "ufCrm_8": [], "ufCrm_9": [{"id": 1, "urlMachine": "x"}, {"id": 2, "urlMachine": "y"}],
            "begindate": "2026-07-31T02:00:00+02:00", "birthdate": null, "stageId": "NEW",
            "categoryId": 0, "fm": [{"id": 12, "typeId": "PHONE", "valueType": "CUSTOM", "value": "+1"}],
        })
    };
    let cases = [
        (
            json!({"begindate": "31.07.26"}),
            "can be read as `2026-07-31` or as `1926-07-31` or as \
            `2031-07-26` or as `1931-07-26`; send the one that is meant",
        ),
        (
            json!({"begindate": "2026-07-31T23:59:59-05:00"}),
            "can be read as `2026-07-31` or as \
            `2026-08-01`; send the one that is meant",
        ),
        (
            json!({"ufCrm_3": "12"}),
            "is ambiguous: `\"12\"` is one option's id and the text of option 45; \
            send the id that is meant as a number",
        ),
        (
            json!({"contactIds": 12}),
            "is one value for a list that holds others (`now`), which it would replace; send the whole list, or `[12]` to replace it",
        ),
        (
            json!({"observers": 6}),
            "is one value for a list that holds others (`now`), which it would replace; send the whole list, or `[6]` to replace it",
        ),
        (
            json!({"ufCrm_2": "c"}),
            "is one value for a list that holds others (`now`), which it would replace; send the whole list, or `[\"c\"]` to replace it",
        ),
        (
            json!({"ufCrm_8": ["T1268_5"]}),
            "names smart process 4712, because the number is \
            hexadecimal; smart process 1268 is `T4f4_5`",
        ),
        (json!({"ufCrm_9": [{"id": 1}, {"id": 1}]}), "keeps file 1 twice; send it once"),
        (json!({"stageId": ""}), "cannot be emptied: an item always has a stage"),
        (json!({"categoryId": null}), "cannot be emptied: an item always has a pipeline"),
    ];
    for (fields, message) in cases {
        for dry_run in [false, true] {
            let call = json!({"fields": fields, "dryRun": dry_run});
            let (answer, sent) = update_between(item(), item(), call).await;
            assert_eq!(problems(&answer)[0][1], message, "{fields}");
            assert!(sent.is_empty(), "{fields}");
        }
    }
    let (answer, _) = update_between(item(), item(), json!({"clear": ["stageId"]})).await;
    assert_eq!(problems(&answer)[0][0], "clear.stageId");

    let of_contact = |fm: Value| json!({"entityTypeId": 3, "fields": {"fm": fm}});
    let twice = json!([{"id": 12, "value": "+2"}, {"id": 12, "value": "+3"}]);
    let (answer, _) = update_between(item(), item(), of_contact(twice)).await;
    let message = "names record 12 twice; send one value for it";
    assert_eq!(problems(&answer), [json!(["fields.fm.12", message, null])]);
    // A mark of the portal's own stays what it is.
    let mut after = item();
    after["fm"][0]["value"] = json!("+2");
    let changed = of_contact(json!({"12": {"value": "+2"}}));
    let (answer, sent) = update_between(item(), after, changed).await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
    let record = json!({"typeId": "PHONE", "valueType": "CUSTOM", "value": "+2"});
    assert_eq!(sent, [json!({"fm": {"12": record}})]);
}

#[tokio::test]
async fn expectations_are_compared_like_everything_else() {
    let item = || {
        json!({
            "title": "a", "birthdate": "1985-07-20T03:00:00+04:00", "opportunity": "25000000000.00",
            "ufCrm_1": "0123", "ufCrm_2": ["a", "b"], "ufCrm_5": "1985-07-19T19:00:00-04:00",
            "ufCrm_4": ["44", "12"],
        })
    };
    let cases = [
        (json!({"ufCrm_5": "1985-07-20"}), true),
        (json!({"ufCrm_5": "1985-07-19T19:00:00-04:00"}), true),
        (json!({"ufCrm_5": "1985-07-19"}), false),
        (json!({"opportunity": 25_000_000_000_i64}), true),
        (json!({"opportunity": 25_000_000_001_i64}), false),
        (json!({"ufCrm_1": "0123"}), true),
        (json!({"ufCrm_1": "123"}), false),
        (json!({"ufCrm_2": ["b", "a"]}), false),
        (json!({"ufCrm_4": [12, 44]}), true),
    ];
    for (expect, holds) in cases {
        let mut after = item();
        after["title"] = json!("b");
        let call = json!({"fields": {"title": "b"}, "expect": expect});
        let (answer, _) = update_between(item(), after, call).await;
        assert_eq!(answer.json["status"] == "updated", holds, "{expect}: {}", answer.json);
        if !holds {
            assert_eq!(answer.json["error"]["code"], "CONFLICT", "{expect}");
        }
    }
    let call = json!({"fields": {"title": "b"}, "expect": {"ufCrm_5": "1985-07-19"}});
    let (answer, _) = update_between(item(), item(), call).await;
    let message = "is not `\"1985-07-19\"`; see `now`";
    assert_eq!(problems(&answer), [json!(["expect.ufCrm_5", message, null])]);
    assert_eq!(answer.json["error"]["problems"][0]["now"], "1985-07-20");
}

#[tokio::test]
async fn days_are_shown_as_days_everywhere() {
    let day = "1985-07-19T19:00:00-04:00";
    let item = json!({
        "id": 351, "title": "a", "begindate": day, "ufCrm_5": day, "ufCrm_11": [day, day],
        "createdTime": "2026-11-24T10:00:00+02:00", "updatedTime": "2026-11-24T10:00:00+02:00",
    });
    let list = json!({"result": {"items": [item]}});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(item)]),
        ("crm.item.list", vec![Reply::Json(200, list)]),
        ("crm.item.fields", vec![field_list()]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
    ])
    .await;
    let call = json!({"entityTypeId": 2, "id": 351});
    let got = server.call(GET, call).await.json["item"].clone();
    let call = json!({"entityTypeId": 2, "select": ["*"]});
    let found = server.call(FIND, call).await.json["items"][0].clone();
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "a"}});
    let unchanged = server.update(call).await.json["item"].clone();
    assert_eq!(unchanged, json!({"id": 351, "title": "a"}));
    for shown in [got, found] {
        assert_eq!(shown["begindate"], "1985-07-20");
        assert_eq!(shown["ufCrm_5"], "1985-07-20");
        assert_eq!(shown["ufCrm_11"], json!(["1985-07-20", "1985-07-20"]));
        assert_eq!(shown["createdTime"], "2026-11-24T10:00:00+02:00");
    }
}

#[tokio::test]
async fn filters_read_values_like_updates() {
    let (portal, mut server) = on_portal(&[
        ("crm.item.list", vec![Reply::Json(200, json!({"result": {"items": []}}))]),
        ("crm.item.fields", vec![field_list()]),
    ])
    .await;
    let cases = [
        json!({"begindate": "31.07.26"}),
        json!({">=begindate": "2026-07-31T23:59:59-05:00"}),
        json!({">createdTime": "31.07.26 10:00"}),
        json!({"ufCrm_3": "12"}),
        json!({"title": 12_000.0}),
        json!({"%title": 40_702_810_900_000_012_345.0}),
        json!({"opportunity": 40_702_810_900_000_012_345.0}),
        json!({"ufCrm_8": "T1268_5"}),
        json!({"observers": ["abc", 5]}),
    ];
    for filter in cases {
        let answer = server.call(FIND, json!({"entityTypeId": 2, "filter": filter})).await;
        assert_eq!(answer.json["error"]["code"], "INVALID_ARGUMENTS", "{filter}");
    }
    assert!(!portal.methods().contains(&"crm.item.list".to_owned()));
    let cases = [
        (json!({"begindate": "1985-07-20T03:00:00+04:00"}), json!({"begindate": "1985-07-20"})),
        (json!({"opportunity": 7_707_083_893_i64}), json!({"opportunity": 7_707_083_893_i64})),
        (json!({"ufCrm_3": "partner"}), json!({"ufCrm_3": 44})),
    ];
    for (filter, wire) in cases {
        let answer = server.call(FIND, json!({"entityTypeId": 2, "filter": filter})).await;
        assert_eq!(answer.json["ok"], true, "{filter}: {}", answer.json);
        assert_eq!(portal.requests().pop().unwrap().body["filter"], wire, "{filter}");
    }
}
