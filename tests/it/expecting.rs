//! `expect` takes what a plan showed: every kind of field holds what `before` says until somebody
//! changes it.

use bitrix24_crm_mcp::{
    crm::{EntityType, Kind, catalog},
    sandbox::Sandbox,
};
use serde_json::{Value, json};

use crate::{
    properties::{ITEMS, Portal, portal, update},
    scripted_portal::Reply,
    support::{on_portal, on_sandbox},
};

/// A picture of one dot.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

/// Two values of a standard field; none for what is tried beside other fields or not at all.
fn two_values(name: &str, kind: Kind, stages: &[&str]) -> Option<[Value; 2]> {
    let phone = |value: &str| json!([{"typeId": "PHONE", "valueType": "WORK", "value": value}]);
    Some(match kind {
        Kind::Text => [json!("first"), json!("sec\u{200b}ond")],
        Kind::Markup => [json!("[b]first[/b]"), json!("sec\u{200b}ond\n[i]line[/i]")],
        Kind::YesNo => [json!("Y"), json!("N")],
        Kind::Integer | Kind::Percent => [json!(1), json!(23)],
        Kind::Number | Kind::Amount => [json!(12.5), json!(9_000_000_000_i64)],
        Kind::Status => match name {
            "sourceId" => [json!("TRADE_SHOW"), json!("CALL")],
            "honorific" => [json!("HNR_US_1"), json!("HNR_US_2")],
            "industry" => [json!("TRADE"), json!("IT")],
            "employees" => [json!("EMPLOYEES_1"), json!("EMPLOYEES_2")],
            _ => return None,
        },
        Kind::Stage => {
            let mut last = stages.iter().rev();
            [json!(last.next()?), json!(last.next()?)]
        }
        Kind::Currency => [json!("USD"), json!("RUB")],
        Kind::User => [json!(7), json!(8)],
        Kind::Users => [json!([6, 1]), json!([8, 7, 1])],
        Kind::Link if ["companyId", "contactId"].contains(&name) => return None,
        Kind::Link => [json!(11), json!(12)],
        Kind::Links => [json!([7, 5]), json!([6])],
        Kind::Integers => [json!([4, 5]), json!([5, 4])],
        Kind::Date => [json!("2027-01-31"), json!("2027-02-01")],
        Kind::Multifield => [phone("+4670000009"), phone("+4670000010")],
        Kind::Picture => [json!(["a.png", PNG]), json!(["b.png", PNG])],
        Kind::Category
        | Kind::DateTime
        | Kind::Choice
        | Kind::Money
        | Kind::CrmLink
        | Kind::File
        | Kind::Any => return None,
    })
}

/// An item and two changes of it.
type Case = (u32, u64, [Value; 2]);

fn of_standard_fields() -> Vec<Case> {
    let mut cases = Vec::new();
    for (entity_type_id, id, stages) in ITEMS {
        let family = EntityType::new(entity_type_id).family().unwrap();
        let fields = catalog::listed(family);
        for field in fields.filter(|field| field.access == catalog::Access::Writable) {
            if let Some(values) = two_values(field.name, field.kind, stages) {
                cases.push((entity_type_id, id, values.map(|value| json!({ field.name: value }))));
            }
        }
    }
    cases
}

fn of_other_fields() -> Vec<Case> {
    let mut cases = Vec::new();
    let file = |name: &str| json!([name, "aGVsbG8="]);
    for (name, values) in [
        ("ufCrm_1721244707107", [json!(1.25), json!("77.5")]),
        ("ufCrmMyString", [json!("0123"), json!("\\u{202e}\u{202e}x")]),
        ("ufCrm_1730000000001", [json!([46, 45]), json!(["Fair"])]),
        ("ufCrm_1730000000002", [json!(44), json!("Сайт")]),
        ("ufCrm_1730000000003", [json!(true), json!(false)]),
        ("ufCrm_1730000000004", [json!("31.12.2026"), json!("2027-01-01")]),
        ("ufCrm_1730000000005", [json!("300|USD"), json!("300.5|EUR")]),
        ("ufCrm_1730000000006", [json!("2026-05-06T10:00:00+02:00"), json!("2026-05-07T10:00:00")]),
        ("ufCrm_1730000000007", [json!(["C_5", "CO_11"]), json!(["T4c4_1"])]),
        ("ufCrm_1730000000008", [json!(7), json!(6)]),
        ("ufCrm_1617027453943", [file("a.txt"), file("b.txt")]),
        ("ufCrm_1617027453944", [json!([file("a.txt"), file("b.txt")]), json!([file("c.txt")])]),
        ("parentId1220", [json!(1), json!(2)]),
    ] {
        cases.push((2, 355, values.map(|value| json!({ name: value }))));
    }
    let moved = json!({"categoryId": 9, "stageId": "C9:NEW"});
    cases.extend([
        (2, 101, [moved, json!({"categoryId": 0, "stageId": "EXECUTING"})]),
        (2, 103, [json!({"companyId": 12}), json!({"companyId": 11})]),
        (2, 103, [json!({"contactId": 7}), json!({"contactId": 0})]),
        (2, 102, [json!({"typeId": "SERVICE"}), json!({"typeId": "SALE"})]),
        (3, 6, [json!({"typeId": "SUPPLIER"}), json!({"typeId": "PARTNER"})]),
        (3, 8, ["+1", "+2"].map(|value| json!({"post": value, "fm": {"33": {"value": value}}}))),
        (132, 1, [json!({"title": "Van 4"}), json!({"title": "Van 5"})]),
    ]);
    cases
}

/// What a plan shows of the fields that it would change.
fn shown(plan: &Value) -> Value {
    assert_eq!(plan["status"], "planned", "{plan}");
    let changes = plan["changes"].as_array().unwrap().iter();
    let values = changes.map(|change| match change["field"].as_str().unwrap().split_once('.') {
        // No records are no part of an answer's item.
        Some(("fm", _)) => ("fm".to_owned(), plan["item"]["fm"].clone()),
        _ => (change["field"].as_str().unwrap().to_owned(), change["before"].clone()),
    });
    Value::Object(values.collect())
}

/// The arguments with more of them.
fn with(arguments: &Value, more: Value) -> Value {
    let mut all = arguments.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

fn saves(sandbox: &Sandbox) -> usize {
    let methods = sandbox.commands().into_iter().map(|command| command.method);
    methods.filter(|method| method.ends_with(".update")).count()
}

/// Plans the change, carries it out with what the plan showed, and once more after somebody else
/// has written the field.
async fn planned_and_done(sandbox: &Sandbox, portal: &Portal, change: &Value, other: &Value) {
    let expected = shown(&update(portal, with(change, json!({"dryRun": true}))).await);
    assert!(expected.as_object().is_some_and(|it| !it.is_empty()), "{change} changes nothing");
    let change = with(change, json!({ "expect": expected }));
    let done = update(portal, change.clone()).await;
    assert_eq!(done["status"], "updated", "{change}: {done}");
    let back = update(portal, other.clone()).await;
    assert_eq!(back["ok"], true, "{other}: {back}");
    // The plan of the same change again, which is outdated before it is carried out.
    let expected =
        shown(&update(portal, with(&change, json!({"dryRun": true, "expect": {}}))).await);
    let change = with(&change, json!({ "expect": expected }));
    let by_other = update(portal, with(&change, json!({"expect": {}}))).await;
    assert_eq!(by_other["status"], "updated", "{by_other}");
    let before = saves(sandbox);
    let refused = update(portal, change.clone()).await;
    assert_eq!(refused["error"]["code"], "CONFLICT", "{change}: {refused}");
    assert_eq!(refused["error"]["written"], "no");
    assert_eq!(saves(sandbox), before, "{change}");
}

#[tokio::test]
async fn what_a_plan_shows_before_holds_until_somebody_changes_it() {
    let cases = [of_standard_fields(), of_other_fields()].concat();
    assert!(cases.len() > 150, "{}", cases.len());
    let (sandbox, portal) = &portal().await;
    for (entity_type_id, id, [first, second]) in cases {
        let of =
            |fields: &Value| json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        let (first, second) = (of(&first), of(&second));
        let names: Vec<&String> = first["fields"].as_object().unwrap().keys().collect();
        let clear = json!({"entityTypeId": entity_type_id, "id": id, "clear": names});
        // Phones that are sent as a list are added to the others.
        let is_added = first["fields"]["fm"].is_array();
        let other = if is_added { &clear } else { &first };
        update(portal, other.clone()).await;
        planned_and_done(sandbox, portal, &second, other).await;
        let plan = update(portal, with(&clear, json!({"dryRun": true}))).await;
        if plan["error"]["message"].to_string().contains("cannot be emptied") || names.len() > 1 {
            continue;
        }
        let full = shown(&plan);
        if full == json!({}) {
            // `N` is the empty flag.
            continue;
        }
        let emptied = update(portal, with(&clear, json!({ "expect": full }))).await;
        assert_eq!(emptied["status"], "updated", "{full}: {emptied}");
        // From nothing to something.
        planned_and_done(sandbox, portal, &first, &clear).await;
    }
}

/// The answer to a plan of the change, and whether its expectation of that field holds.
async fn holds(expected: &Value, now: &Value) -> Result<Value, Value> {
    let item = |fields: &Value| with(&json!({"id": 351, "title": "a"}), fields.clone());
    let list = json!({"result": {"fields": {
        "ufCrm_1": {"type": "string", "isMultiple": true}, "ufCrm_2": {"type": "file", "isMultiple": true},
    }}});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(item(now))]),
        ("crm.item.fields", vec![Reply::Json(200, list)]),
        ("crm.item.update", vec![Reply::item(with(&item(now), json!({"title": "b"})))]),
    ])
    .await;
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}, "expect": expected});
    let answer = server.update(call).await;
    if answer.is_error {
        Err(answer.json["error"].clone())
    } else {
        Ok(answer.json["notes"].clone())
    }
}

#[tokio::test]
async fn texts_that_an_answer_cut_or_escaped_are_expected_as_it_shows_them() {
    let long = |first: char| format!("{first}\u{200b}\\u{{200b}}{}", "long ".repeat(1_000));
    let now = json!({"comments": long('a'), "ufCrm_1": [long('b'), "sho\u{200b}rt", long('c')]});
    let clear =
        json!({"entityTypeId": 2, "id": 351, "clear": ["comments", "ufCrm_1"], "dryRun": true});
    let list = json!({"result": {"fields": {"ufCrm_1": {"type": "string", "isMultiple": true}}}});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(with(&json!({"id": 351}), now.clone()))]),
        ("crm.item.fields", vec![Reply::Json(200, list)]),
    ])
    .await;
    let plan = server.update(clear).await.json;
    let expected = shown(&plan);
    assert!(expected["comments"].as_str().unwrap().ends_with("… (5022 characters)"), "{expected}");
    assert_eq!(expected["ufCrm_1"][1], "sho\\u{200b}rt");
    let notes = holds(&expected, &now).await.unwrap();
    assert_eq!(
        notes,
        json!([
            "only the beginning of `expect.comments` and its length were compared: the text was cut",
            "only the beginning of `expect.ufCrm_1` and its length were compared: the text was cut",
        ])
    );
    let later = [
        json!({"comments": long('x')}),
        json!({"comments": format!("{}.", long('a'))}),
        json!({"ufCrm_1": [long('b'), "short", long('c')]}),
        json!({"ufCrm_1": [long('c'), "sho\u{200b}rt", long('b')]}),
        json!({"ufCrm_1": []}),
    ];
    for change in later {
        let refused = holds(&expected, &with(&now, change.clone())).await.unwrap_err();
        assert_eq!(refused["code"], "CONFLICT", "{change}");
        assert_eq!(refused["written"], "no", "{change}");
    }
}

#[tokio::test]
async fn phones_and_files_are_expected_by_what_identifies_them() {
    let phone = json!({"id": 31, "valueType": "WORK", "value": "+1", "typeId": "PHONE"});
    let mail = json!({"id": 32, "valueType": "WORK", "value": "a@b.example", "typeId": "EMAIL"});
    let (_sandbox, mut server) = on_sandbox().await;
    let cases = [
        (3, 5, json!({"fm": [{"id": 32}, {"typeId": "PHONE", "value": "+4670000001"}]}), "planned"),
        (
            3,
            5,
            json!({"fm": {"31": {"typeId": "PHONE", "value": "+4670000001"}, "99": ""}}),
            "planned",
        ),
        (3, 5, json!({"fm": [{"id": 31}]}), "CONFLICT"),
        (3, 5, json!({"fm": [phone, mail]}), "CONFLICT"),
        (3, 5, json!({"fm": ""}), "CONFLICT"),
        (3, 5, json!({"fm": {"31": ""}}), "CONFLICT"),
        (3, 6, json!({"fm": null}), "planned"),
        (3, 6, json!({"fm": [{"typeId": "PHONE"}]}), "CONFLICT"),
        (3, 5, json!({"fm": "+4670000001"}), "INVALID_ARGUMENTS"),
        (3, 5, json!({"photo": {"id": 77}}), "planned"),
        (3, 5, json!({"photo": 77}), "planned"),
        (3, 5, json!({"photo": ""}), "CONFLICT"),
        (3, 6, json!({"photo": ""}), "planned"),
        (2, 355, json!({"ufCrm_1617027453943": {"id": 433}}), "planned"),
        (2, 355, json!({"ufCrm_1617027453943": {"id": 434}}), "CONFLICT"),
        (2, 355, json!({"ufCrm_1617027453944": [{"id": 44}, {"id": 12}, {"id": 255}]}), "planned"),
        (2, 355, json!({"ufCrm_1617027453944": [{"id": 44}, {"id": 12}]}), "CONFLICT"),
        (2, 355, json!({"ufCrm_1617027453944": []}), "CONFLICT"),
        (2, 355, json!({"ufCrm_1617027453944": [["a.txt", "aGVsbG8="]]}), "INVALID_ARGUMENTS"),
    ];
    for (entity_type_id, id, expected, outcome) in cases {
        let call = json!({
            "entityTypeId": entity_type_id, "id": id, "fields": {"sourceDescription": "seen"},
            "expect": expected, "dryRun": true,
        });
        let answer = server.update(call).await.json;
        let found = if answer["ok"] == true { &answer["status"] } else { &answer["error"]["code"] };
        assert_eq!(found, outcome, "{expected}: {answer}");
    }
    // Links of files are signed anew at every read.
    let file = |id: u64, sign: &str| json!({"id": id, "url": sign, "urlMachine": sign});
    let now = json!({"ufCrm_2": [file(12, "a"), file(44, "b")]});
    for expected in [json!([{"id": 44}, {"id": 12}]), json!([file(12, "c"), file(44, "d")])] {
        assert_eq!(holds(&json!({"ufCrm_2": expected}), &now).await, Ok(json!([])), "{expected}");
    }
    let refused = holds(&json!({"ufCrm_2": [{"id": 12}]}), &now).await.unwrap_err();
    assert_eq!(refused["problems"][0]["now"], json!([{"id": 12}, {"id": 44}]));
}

#[tokio::test]
async fn many_items_are_expected_to_hold_phones_as_one_is() {
    let (sandbox, mut server) = on_sandbox().await;
    let call = json!({
        "entityTypeId": 3, "ids": [5, 6, 7], "fields": {"post": "Buyer at Acme"},
        "expect": {"fm": [{"id": 31}, {"id": 32}], "photo": {"id": 77}},
    });
    let shown = server.call("update_crm_items", call.clone()).await.json;
    let done = if shown["confirm"].is_string() {
        let confirmed = with(&call, json!({"confirm": shown["confirm"]}));
        server.call("update_crm_items", confirmed).await.json
    } else {
        shown
    };
    assert_eq!(saves(&sandbox), 1, "{done}");
    let conflicts = json!([{"count": 2, "ids": [6, 7], "code": "CONFLICT", "field": "fm"}]);
    assert_eq!(done["conflicts"], conflicts, "{done}");
    assert_eq!(sandbox.item(3, 5).unwrap()["post"], "Buyer at Acme");
}
