//! Codes and people: an update that has names in their place is told the real ones.

use insta::assert_snapshot;
use serde_json::json;

use crate::{
    scripted_portal::Reply,
    support::{on_portal, on_sandbox},
};

#[tokio::test]
async fn an_update_is_told_the_real_stages_and_pipelines() {
    let (_sandbox, mut server) = on_sandbox().await;
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
        for problem in answer["error"]["problems"].as_array().into_iter().flatten() {
            told.push_str(&format!("  {problem}\n"));
        }
        let told_of_success = [&answer["changes"], &answer["notes"], &answer["error"]["message"]];
        for part in told_of_success.into_iter().filter(|part| !part.is_null()) {
            told.push_str(&format!("  {part}\n"));
        }
    }
    assert_snapshot!(told, @r#"
    {"stageId":"Agreed"}
      [{"field":"stageId","before":"C9:NEW","after":"C9:UC_NYL06U"},{"field":"isNew","before":"Y","after":"N","askedFor":false}]
      ["`fields.stageId` was read as `C9:UC_NYL06U`"]
    {"stageId":"In negotiation"}
      {"path":"fields.stageId","options":[{"code":"C9:NEW","name":"Request"},{"code":"C9:UC_NYL06U","name":"Agreed"},{"code":"C9:UC_LEGAL","name":"Approved by legal"},{"code":"C9:WON","name":"Served"},{"code":"C9:LOSE","name":"Declined"}]}
      "`fields.stageId` is not the code or the name of a stage; `options` lists the stages of pipeline 9"
    {"categoryId":"Sales","stageId":"Won"}
      [{"field":"categoryId","before":9,"after":0},{"field":"stageId","before":"C9:UC_NYL06U","after":"WON"},{"field":"closed","before":"N","after":"Y","askedFor":false}]
      ["`fields.categoryId` was read as pipeline 0","`fields.stageId` was read as `WON`"]
    {"categoryId":"sales","stageId":"WON"}
      []
      ["`fields.categoryId` was read as pipeline 0"]
    {"stageId":"Won"}
      [{"field":"stageId","before":"PREPARATION","after":"WON"},{"field":"closed","before":"N","after":"Y","askedFor":false}]
      ["`fields.stageId` was read as `WON`"]
    {"stageId":"in work"}
      [{"field":"stageId","before":"NEW","after":"IN_PROCESS"}]
      ["`fields.stageId` was read as `IN_PROCESS`"]
    {"Номер договора":"Д-1"}
      {"path":"fields.Номер договора","didYouMean":"ufCrm_1730000000009"}
      "`fields.Номер договора` is the title of a field of deal, not its name"
    {"Номер договра":"Д-1"}
      {"path":"fields.Номер договра","didYouMean":"ufCrm_1730000000009"}
      "`fields.Номер договра` is not a field of deal"
    {"nomer_dogovora":"Д-1"}
      {"path":"fields.nomer_dogovora","didYouMean":"ufCrm_1730000000009"}
      "`fields.nomer_dogovora` is not a field of deal"
    {"signed":"Y"}
      {"path":"fields.signed","didYouMean":"ufCrm_1730000000003"}
      "`fields.signed` is not a field of deal"
    {"channel":"x"}
      {"path":"fields.channel","didYouMean":"ufCrm_1730000000001"}
      "`fields.channel` is not a field of deal"
    {"sourceId":"Website"}
      {"path":"fields.sourceId","options":[{"code":"CALL","name":"Call"},{"code":"EMAIL","name":"E-mail"},{"code":"WEBFORM","name":"CRM form"},{"code":"ADVERTISING","name":"Advertising"},{"code":"PARTNER","name":"Existing client"},{"code":"TRADE_SHOW","name":"Выставка"}]}
      "`fields.sourceId` is not the code or the name of an allowed value; `options` lists the allowed values"
    {"sourceId":"Выставка","typeId":"sale"}
      [{"field":"sourceId","before":"CALL","after":"TRADE_SHOW"}]
      ["`fields.sourceId` was read as `TRADE_SHOW`","`fields.typeId` was read as `SALE`"]
    {"industry":"Shipping"}
      {"path":"fields.industry","options":[{"code":"IT","name":"Information technology"},{"code":"MANUFACTURING","name":"Manufacturing"},{"code":"TRADE","name":"Trade"}]}
      "`fields.industry` is not the code or the name of an allowed value; `options` lists the allowed values"
    {"assignedById":"Marta Keller"}
      [{"field":"assignedById","before":1,"after":8}]
      ["`fields.assignedById` was read as user 8"]
    {"assignedById":"Olga"}
      {"path":"fields.assignedById","options":[{"code":"7","name":"Ольга Иванова"}]}
      "`fields.assignedById` is not the id, name or e-mail of an active user; `options` lists similar ones"
    {"assignedById":"sales manager"}
      {"path":"fields.assignedById","options":[{"code":"6","name":"Jonas Brandt"},{"code":"9","name":"Peter Novak"}]}
      "`fields.assignedById` is not the id, name or e-mail of an active user; `options` lists similar ones"
    {"assignedById":"Zoe"}
      {"path":"fields.assignedById"}
      "`fields.assignedById` must be the id of a user, a whole number, not `\"Zoe\"`"
    "#);
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
        let (portal, mut server) = start(code, there()).await;
        for dry_run in [true, false] {
            let answer = server.update(call(name, dry_run)).await.json;
            let note = format!("`fields.sourceId` was read as `{code}`");
            assert_eq!(answer["notes"], json!([note]), "{name}");
            assert_eq!(answer["changes"][0]["after"], code, "{name}");
        }
        let methods = ["crm.item.get", "crm.status.list", "crm.item.get", "crm.item.update"];
        assert_eq!(portal.methods(), methods, "{name}");
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
