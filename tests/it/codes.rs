//! Codes and people: an update that has names in their place is told the real ones.

use insta::assert_snapshot;
use serde_json::json;

use crate::{
    scripted_portal::Reply,
    support::{methods, on_portal, on_sandbox, problems},
};

#[tokio::test]
async fn an_update_is_told_the_real_stages_and_pipelines() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        (2, 351, json!({"stageId": "Agreed"})),
        (2, 351, json!({"stageId": "In negotiation"})),
        (2, 351, json!({"categoryId": "Sales", "stageId": "Won"})),
        (2, 351, json!({"categoryId": "sales", "stageId": "WON"})),
        (2, 101, json!({"stageId": "Won"})),
        (1, 21, json!({"stageId": "in work"})),
        (2, 351, json!({"Номер договора": "Д-1"})),
        (2, 351, json!({"Номер договра": "Д-1"})),
        (2, 351, json!({"nomer_dogovora": "Д-1"})),
        (2, 351, json!({"signed": "Y"})),
        (2, 351, json!({"channel": "x"})),
        (2, 101, json!({"sourceId": "Website"})),
        (2, 101, json!({"sourceId": "Выставка", "typeId": "sale"})),
        (4, 11, json!({"industry": "Shipping"})),
        (2, 101, json!({"assignedById": "Marta Keller"})),
        (2, 101, json!({"assignedById": "Olga"})),
        (2, 101, json!({"assignedById": "sales manager"})),
        (2, 101, json!({"assignedById": "Zoe"})),
    ];
    let mut told = String::new();
    for (entity_type_id, id, fields) in cases {
        let arguments = json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        let answer = server.update(arguments).await.json;
        told.push_str(&format!("{fields}\n"));
        for problem in answer["error"]["problems"].as_array().unwrap() {
            told.push_str(&format!("  {problem}\n"));
        }
    }
    assert_snapshot!(told, @r#"
    {"stageId":"Agreed"}
      {"path":"fields.stageId","message":"is the name of a stage, not its code","didYouMean":"C9:UC_NYL06U"}
    {"stageId":"In negotiation"}
      {"path":"fields.stageId","message":"must be the code of a stage such as `C9:NEW`; `options` lists the stages of pipeline 9","options":[{"code":"C9:NEW","name":"Request"},{"code":"C9:UC_NYL06U","name":"Agreed"},{"code":"C9:UC_LEGAL","name":"Approved by legal"},{"code":"C9:WON","name":"Served"},{"code":"C9:LOSE","name":"Declined"}]}
    {"categoryId":"Sales","stageId":"Won"}
      {"path":"fields.categoryId","message":"is the name of a pipeline, not its id","didYouMean":"0"}
      {"path":"fields.stageId","message":"is the name of a stage, not its code","didYouMean":"WON"}
    {"categoryId":"sales","stageId":"WON"}
      {"path":"fields.categoryId","message":"is the name of a pipeline, not its id","didYouMean":"0"}
    {"stageId":"Won"}
      {"path":"fields.stageId","message":"is the name of a stage, not its code","didYouMean":"WON"}
    {"stageId":"in work"}
      {"path":"fields.stageId","message":"is the name of a stage, not its code","didYouMean":"IN_PROCESS"}
    {"Номер договора":"Д-1"}
      {"path":"fields.Номер договора","message":"is the title of a field of deal, not its name","didYouMean":"ufCrm_1730000000009"}
    {"Номер договра":"Д-1"}
      {"path":"fields.Номер договра","message":"is not a field of deal","didYouMean":"ufCrm_1730000000009"}
    {"nomer_dogovora":"Д-1"}
      {"path":"fields.nomer_dogovora","message":"is not a field of deal","didYouMean":"ufCrm_1730000000009"}
    {"signed":"Y"}
      {"path":"fields.signed","message":"is not a field of deal","didYouMean":"ufCrm_1730000000003"}
    {"channel":"x"}
      {"path":"fields.channel","message":"is not a field of deal","didYouMean":"ufCrm_1730000000001"}
    {"sourceId":"Website"}
      {"path":"fields.sourceId","message":"is not one of the allowed codes; `options` lists the allowed values","options":[{"code":"CALL","name":"Call"},{"code":"EMAIL","name":"E-mail"},{"code":"WEBFORM","name":"CRM form"},{"code":"ADVERTISING","name":"Advertising"},{"code":"PARTNER","name":"Existing client"},{"code":"TRADE_SHOW","name":"Выставка"}]}
    {"sourceId":"Выставка","typeId":"sale"}
      {"path":"fields.sourceId","message":"is the name of a choice, not its code","didYouMean":"TRADE_SHOW"}
      {"path":"fields.typeId","message":"is the name of a choice, not its code","didYouMean":"SALE"}
    {"industry":"Shipping"}
      {"path":"fields.industry","message":"is not one of the allowed codes; `options` lists the allowed values","options":[{"code":"IT","name":"Information technology"},{"code":"MANUFACTURING","name":"Manufacturing"},{"code":"TRADE","name":"Trade"}]}
    {"assignedById":"Marta Keller"}
      {"path":"fields.assignedById","message":"is the name of a user, not their id","didYouMean":"8"}
    {"assignedById":"Olga"}
      {"path":"fields.assignedById","message":"must be the id of a user, a whole number, not `\"Olga\"`; `options` lists the allowed values","options":[{"code":"7","name":"Ольга Иванова"}]}
    {"assignedById":"sales manager"}
      {"path":"fields.assignedById","message":"must be the id of a user, a whole number, not `\"sales manager\"`; `options` lists the allowed values","options":[{"code":"6","name":"Jonas Brandt"},{"code":"9","name":"Peter Novak"}]}
    {"assignedById":"Zoe"}
      {"path":"fields.assignedById","message":"must be the id of a user, a whole number, not `\"Zoe\"`"}
    "#);
    assert!(!methods(&sandbox).contains(&"crm.item.update".to_owned()));
}

#[tokio::test]
async fn every_new_code_is_looked_up_once() {
    let entry =
        |code: &str, name: &str| json!({"ENTITY_ID": "SOURCE", "STATUS_ID": code, "NAME": name});
    let directory = json!([
        entry("UC_1", "SEO"),
        entry("UC_2", "VIP"),
        entry("UC_3", "50-250"),
        entry("UC_4", "IT & TELECOM"),
        entry("WEB", "Site"),
        entry("выставка 1", "Fair"),
    ]);
    let item = |source: &str| Reply::item(json!({"id": 351, "sourceId": source}));
    let start = async |code: &str, directories: Vec<Reply>| {
        let replies = [
            ("crm.item.get", vec![item("CALL")]),
            ("crm.status.list", directories),
            ("crm.item.update", vec![item(code)]),
        ];
        let (portal, server) = on_portal(&replies).await;
        (portal, server)
    };
    let call = |code: &str, dry_run: bool| json!({"entityTypeId": 2, "id": 351, "fields": {"sourceId": code}, "dryRun": dry_run});
    let there = || vec![Reply::Json(200, json!({"result": directory}))];
    let names = [("SEO", "UC_1"), ("VIP", "UC_2"), ("50-250", "UC_3"), ("IT & TELECOM", "UC_4")];
    for (name, code) in names {
        let (portal, mut server) = start(name, there()).await;
        for dry_run in [true, false] {
            let answer = server.update(call(name, dry_run)).await;
            let message = "is the name of a choice, not its code";
            assert_eq!(problems(&answer), [json!(["fields.sourceId", message, code])], "{name}");
        }
        assert_eq!(portal.methods(), ["crm.item.get", "crm.status.list", "crm.item.get"], "{name}");
    }
    for code in ["WEB", "выставка 1"] {
        let (portal, mut server) = start(code, there()).await;
        assert_eq!(server.update(call(code, false)).await.json["status"], "updated", "{code}");
        assert_eq!(portal.methods(), ["crm.item.get", "crm.status.list", "crm.item.update"]);
    }
    // The code that the item has already needs no directory.
    let (portal, mut server) = start("CALL", there()).await;
    assert_eq!(server.update(call("CALL", false)).await.json["status"], "unchanged");
    assert_eq!(portal.methods(), ["crm.item.get"]);
    // Where the directory cannot be read, that is said.
    let (_portal, mut server) = start("NEW", vec![Reply::error(403, "ACCESS_DENIED", "no")]).await;
    let answer = server.update(call("NEW", false)).await;
    assert_eq!(answer.json["status"], "updated");
    let note = "codes were not checked: the portal answered the error `ACCESS_DENIED` (HTTP 403)";
    assert_eq!(answer.json["notes"], json!([note]));
}
