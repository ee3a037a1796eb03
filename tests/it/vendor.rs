//! The program against what the vendor publishes: it sends the published requests, and reads the
//! published answers. The embedded portal, which reads with the same code, could not tell.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Answered, DESCRIBE, FIND, GET, Server, at_once, on_item, on_portal},
};

/// The methods that reading tools ask for, as far as their answers are published.
pub(crate) const READING: [&str; 10] = [
    "crm.item.get",
    "crm.item.list",
    "crm.item.fields",
    "crm.status.list",
    "crm.category.list",
    "crm.type.list",
    "crm.enum.ownertype",
    "crm.currency.list",
    "crm.duplicate.findbycomm",
    "user.search",
];

/// What the vendor publishes of a method.
pub(crate) fn published(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/vendor/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The published answer of a method.
fn answer_of(name: &str) -> Reply {
    Reply::Json(200, published(name)["answer"].clone())
}

/// A directory whose entries have the published form.
fn directory(entries: &[(&str, &str)]) -> Reply {
    let mut answer = published("crm.status.list")["answer"].clone();
    let form = answer["result"][0].clone();
    let entry = |(directory, code): &(&str, &str)| {
        let mut entry = form.clone();
        entry["ENTITY_ID"] = json!(directory);
        entry["STATUS_ID"] = json!(code);
        entry
    };
    answer["result"] = entries.iter().map(entry).collect();
    Reply::Json(200, answer)
}

/// The requests so far, a line each: method and body as it was sent.
fn sent(portal: &ScriptedPortal) -> String {
    let requests = portal.requests().into_iter();
    let lines = requests.map(|it| format!("{} {}", it.path.rsplit('/').next().unwrap(), it.text));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_published_update_is_sent_and_its_answer_read() {
    let page = published("crm.item.update");
    let mut before = page["answer"].clone();
    for (name, value) in
        [("title", json!("Deal #1")), ("observers", json!([])), ("utmSource", Value::Null)]
    {
        before["result"]["item"][name] = value;
    }
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::Json(200, before)]),
        ("crm.item.fields", vec![answer_of("crm.item.fields")]),
        (
            "crm.status.list",
            vec![directory(&[("DEAL_STAGE_9", "C9:UC_NYL06U"), ("DEAL_TYPE", "SERVICE")])],
        ),
        ("crm.item.update", vec![answer_of("crm.item.update")]),
    ])
    .await;
    let answer = server.update(page["request"].clone()).await;
    let update = portal.requests().pop().unwrap();
    assert_eq!(update.path, "/rest/1/s3cretOfTheTests/crm.item.update");
    assert_eq!(update.text, page["request"].to_string());
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "status": "updated",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "changes": [
        {
          "field": "title",
          "before": "Deal #1",
          "after": "REST Deal #1"
        },
        {
          "field": "observers",
          "before": [],
          "after": [
            1,
            2,
            3
          ]
        },
        {
          "field": "utmSource",
          "before": null,
          "after": "google"
        }
      ],
      "notes": [],
      "item": {
        "id": 351,
        "assignedById": 6,
        "title": "REST Deal #1",
        "categoryId": 9,
        "stageId": "C9:UC_NYL06U",
        "opportunity": 10000,
        "currencyId": "USD",
        "opened": "N",
        "typeId": "SERVICE",
        "isManualOpportunity": "N",
        "additionalInfo": "Changing a deal via REST",
        "ufCrm_1721244707107": 200.05,
        "parentId1220": 2,
        "utmSource": "google",
        "observers": [
          1,
          2,
          3
        ]
      }
    }
    "#);
}

/// Changes of fields with the published forms of values: what is sent for each.
#[tokio::test]
async fn values_go_out_in_the_published_forms() {
    let page = published("crm.item.update-values");
    let files = &page["files"];
    // The page writes the field's name without the underscore that its real name has.
    let field = |form: &str| files[form]["ufCrm1617027453943"].clone();
    let with_content = |value: Value| -> Value {
        let text = value.to_string().replace("...base64_encoded_file_content...", "aGVsbG8=");
        serde_json::from_str(&text).unwrap()
    };
    let several: Vec<Value> =
        files["severalNow"].as_array().unwrap().iter().map(|id| json!({"id": id})).collect();
    let one = json!({"id": 433, "url": "/a", "urlMachine": "https://portal.example/b"});
    let cases = [
        (3, json!({"id": 5, "fm": []}), page["multifields"].clone()),
        (2, json!({"id": 351, "ufCrm_1": one}), json!({"ufCrm_1": with_content(field("replace"))})),
        (2, json!({"id": 351, "ufCrm_1": one}), json!({"ufCrm_1": field("clear")})),
        (
            2,
            json!({"id": 351, "ufCrm_1": several}),
            json!({"ufCrm_1": with_content(field("severalPartly"))}),
        ),
        (2, json!({"id": 351, "opened": "Y"}), json!({"opened": page["yesNo"][1]})),
    ];
    for (entity_type_id, item, fields) in cases {
        let id = item["id"].clone();
        let (portal, mut server) = on_item(item.clone(), item).await;
        server.update(json!({"entityTypeId": entity_type_id, "id": id, "fields": fields})).await;
        let update = json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        let updates: Vec<String> = portal
            .requests()
            .into_iter()
            .filter(|request| request.path.ends_with("/crm.item.update"))
            .map(|request| request.text)
            .collect();
        assert_eq!(updates, [update.to_string()], "{:?}", portal.methods());
    }
    // A file that is kept is no change.
    let held = json!({"id": 351, "ufCrm_1": one});
    let (_portal, mut server) = on_item(held.clone(), held).await;
    let keep = json!({"entityTypeId": 2, "id": 351, "fields": {"ufCrm_1": field("keep")}});
    assert_eq!(server.update(keep).await.json["status"], "unchanged");
}

#[tokio::test]
async fn published_answers_are_read() {
    let replies: Vec<(&str, Vec<Reply>)> =
        READING.map(|name| (name, vec![answer_of(name)])).to_vec();
    let (portal, mut server) = on_portal(&replies).await;
    let calls = [
        (GET, json!({"entityTypeId": 1, "id": 21})),
        (FIND, published("crm.item.list")["request"].clone()),
        (FIND, json!({"entityTypeId": 3, "query": "+4670000001"})),
        (DESCRIBE, json!({})),
        (DESCRIBE, json!({"entityTypeId": 2, "field": "stageId"})),
        (DESCRIBE, json!({"entityTypeId": 1220, "query": "pipeline"})),
        (DESCRIBE, json!({"entityTypeId": 2, "field": "assignedById", "query": "Marta"})),
    ];
    let mut answers = String::new();
    for (tool, arguments) in calls {
        let answer = server.call(tool, arguments).await.json;
        answers.push_str(&format!("{tool} {answer}\n"));
    }
    assert_snapshot!(answers, @r#"
    get_crm_item {"ok":true,"entityTypeId":1,"id":21,"link":"https://portal.example/crm/lead/details/21/","item":{"id":21,"createdTime":"2026-09-01T09:00:00+02:00","createdBy":1,"assignedById":1,"opened":"Y","stageId":"IN_PROCESS","opportunity":999.9,"currencyId":"EUR","sourceId":"CALL","sourceDescription":"Seen at the fair","title":"Call from the fair","name":"Ines","lastName":"Ferreira","secondName":"Maria","companyTitle":"Ferreira Cork","post":"Buyer","comments":"[B]Calls back[/B]","birthdate":"2000-01-01","honorific":"HNR_US_2","hasPhone":"Y","hasEmail":"Y","hasImol":"N","isReturnCustomer":"N","isManualOpportunity":"Y","fm":[{"id":101,"valueType":"WORK","value":"+351600000001","typeId":"PHONE"},{"id":102,"valueType":"WORK","value":"ines@cork.example","typeId":"EMAIL"}],"ufCrm_LEAD_1700000000000":"321","entityTypeId":1},"notes":[]}
    find_crm_items {"ok":true,"entityTypeId":1,"link":"https://portal.example/crm/lead/details/21/","items":[{"id":21,"title":"Call from the fair","name":"Ines","lastName":"Ferreira","stageId":"IN_PROCESS","opportunity":999.9,"assignedById":1,"sourceId":"CALL","isManualOpportunity":"Y"}],"total":1,"notes":[]}
    find_crm_items {"ok":true,"entityTypeId":3,"link":"https://portal.example/crm/contact/details/21/","items":[{"id":21,"name":"Ines","lastName":"Ferreira","assignedById":1}],"total":1,"notes":[]}
    describe_crm_fields {"ok":true,"entityTypes":[{"entityTypeId":1,"name":"lead"},{"entityTypeId":2,"name":"deal"},{"entityTypeId":3,"name":"contact"},{"entityTypeId":4,"name":"company"},{"entityTypeId":7,"name":"quote"},{"entityTypeId":31,"name":"invoice"},{"entityTypeId":132,"name":"Vehicles","isSmartProcess":true}],"notes":[]}
    describe_crm_fields {"ok":true,"entityTypeId":2,"name":"stageId","title":"StageId","kind":"stage","write":"code of a stage","canBeEmptied":false,"meaning":"Code of the item's stage; it must be a stage of the item's pipeline.","pipelines":[{"categoryId":9,"name":"Service","stages":[]},{"categoryId":0,"name":"Sales","stages":[{"code":"NEW","name":"New"},{"code":"WON","name":"Won","semantics":"success"},{"code":"LOSE","name":"Lost","semantics":"failure"}]}],"notes":[]}
    describe_crm_fields {"ok":true,"entityTypeId":1220,"fields":[{"name":"categoryId","title":"CategoryId","kind":"pipeline","write":"id of a pipeline","canBeEmptied":false,"choices":[{"id":9,"name":"Service"},{"id":0,"name":"Sales"}]}],"notes":[]}
    describe_crm_fields {"ok":true,"entityTypeId":2,"name":"assignedById","title":"AssignedById","kind":"user","write":"id of a user","canBeEmptied":false,"meaning":"Id of the user who is responsible for the item.","people":[{"id":8,"name":"Marta Keller","email":"marta.keller@sandbox.example","position":"Head of sales"}],"notes":[]}
    "#);
    // What is asked for at the same time arrives in any order.
    let requests = sent(&portal);
    let mut requests: Vec<&str> = requests.lines().collect();
    requests.sort_unstable();
    assert_snapshot!(requests.join("\n"), @r#"
    crm.category.list {"entityTypeId":1220}
    crm.category.list {"entityTypeId":2}
    crm.duplicate.findbycomm {"type":"PHONE","values":["+4670000001","4670000001"],"entity_type":"CONTACT"}
    crm.item.fields {"entityTypeId":1220}
    crm.item.fields {"entityTypeId":2}
    crm.item.get {"entityTypeId":1,"id":21}
    crm.item.list {"entityTypeId":1,"start":-1,"select":["id","title","name","lastName","companyTitle","stageId","opportunity","currencyId","assignedById","companyId","contactId","sourceId","isManualOpportunity"],"filter":{"0":{"logic":"OR","0":{"!=name":""},"1":{"!=lastName":""}},"@stageId":["NEW","IN_PROCESS"],"@sourceId":["CALL","WEBFORM"],"@assignedById":[1,6],">=opportunity":500,"<=opportunity":20000,"isManualOpportunity":"Y"},"order":{"lastName":"ASC","name":"ASC"}}
    crm.item.list {"entityTypeId":3,"start":-1,"select":["id","name","lastName","assignedById","companyId"],"filter":{"@id":[5]}}
    crm.status.list {"order":{"SORT":"ASC"}}
    crm.type.list {}
    user.get {"FILTER":{}}
    user.search {"FILTER":{"FIND":"Marta"}}
    "#);
}

/// What an error becomes as the answer to an update, in one line.
async fn understood(status: u16, code: String, text: String) -> String {
    let item = Reply::item(json!({"id": 351, "title": "a"}));
    let error = Reply::error(status, &code, &text);
    // What is asked again until its time is over.
    let call_timeout = if error.is_final() { "18" } else { "4" };
    let replies = [("crm.item.get", vec![item]), ("crm.item.update", vec![error])];
    let portal = ScriptedPortal::start(&replies).await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", call_timeout)]).await;
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
    let error = server.update(call).await.json["error"].clone();
    assert_eq!(error["portal"]["code"], code);
    assert_eq!(error["portal"]["httpStatus"], status);
    let words = ["code", "written", "retry"].map(|key| error[key].as_str().unwrap().to_owned());
    format!("{status} {code:<32} {}\n", words.join(" "))
}

#[tokio::test]
async fn every_published_error_is_understood() {
    let page = published("errors");
    let rows = ["ofTheMethod", "ofAnyMethod"].map(|rows| page[rows].as_array().unwrap().clone());
    let running: Vec<_> = rows
        .iter()
        .flatten()
        .map(|row| {
            let status = row[0].as_u64().unwrap().try_into().unwrap();
            let [code, text] = [&row[1], &row[2]].map(|text| text.as_str().unwrap().to_owned());
            tokio::spawn(understood(status, code, text))
        })
        .collect();
    let mut table = String::new();
    for line in running {
        table.push_str(&line.await.unwrap());
    }
    assert_snapshot!(table, @"
    403 allowed_only_intranet_user       ACCESS_DENIED no no
    400 NOT_FOUND                        ITEM_NOT_FOUND no after_fix
    400 ACCESS_DENIED                    ACCESS_DENIED no no
    400 CRM_FIELD_ERROR_VALUE_NOT_VALID  INVALID_VALUE no after_fix
    400 100                              INVALID_VALUE no after_fix
    400 -                                REFUSED no after_fix
    400 UPDATE_DYNAMIC_ITEM_RESTRICTED   PLAN_RESTRICTED no no
    500 INTERNAL_SERVER_ERROR            PORTAL_FAILED no later
    500 ERROR_UNEXPECTED_ANSWER          PORTAL_FAILED no later
    503 QUERY_LIMIT_EXCEEDED             RATE_LIMITED no later
    405 ERROR_BATCH_METHOD_NOT_ALLOWED   REFUSED no after_fix
    400 ERROR_BATCH_LENGTH_EXCEEDED      REFUSED no after_fix
    401 NO_AUTH_FOUND                    SIGN_IN_FAILED no no
    400 INVALID_REQUEST                  PORTAL_ADDRESS no no
    503 OVERLOAD_LIMIT                   PORTAL_BLOCKED no no
    403 ACCESS_DENIED                    PLAN_RESTRICTED no no
    403 INVALID_CREDENTIALS              SIGN_IN_FAILED no no
    404 ERROR_MANIFEST_IS_NOT_AVAILABLE  REFUSED no after_fix
    403 insufficient_scope               SCOPE_MISSING no no
    401 expired_token                    SIGN_IN_FAILED no no
    403 user_access_error                ACCESS_DENIED no no
    500 PORTAL_DELETED                   PORTAL_ADDRESS no no
    ");
}

/// Eight calls at once on a portal that answers batches so; what they become, and the first batch.
async fn read_together(result: Value) -> (Vec<Answered>, Value) {
    let mut answer = published("batch")["answer"].clone();
    answer["result"] = result;
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![answer_of("crm.item.get")]),
        ("batch", vec![Reply::Json(200, answer)]),
    ])
    .await;
    let mut server = Server::with_settings(&portal.webhook(), &[("BITRIX24_RATE", "4/50")]).await;
    let call = |id| json!({"entityTypeId": 1, "id": id, "dryRun": true, "fields": {"name": "b"}});
    let answers = at_once(&mut server, (1..=8).map(call).collect()).await;
    let requests = portal.requests().into_iter();
    let batch =
        requests.filter(|request| request.path.ends_with("/batch")).map(|it| it.body).next();
    (answers, batch.unwrap())
}

#[tokio::test]
async fn batches_are_asked_and_read_as_published() {
    let page = published("batch");
    let reads = || (0..8).map(|number| format!("read{number}"));
    let of_each = |value: &Value| -> Value { reads().map(|read| (read, value.clone())).collect() };

    let mut result = page["answer"]["result"].clone();
    result["result"] = of_each(&published("crm.item.get")["answer"]["result"]);
    result["result_total"] = json!([]);
    result["result_time"] = of_each(&page["answer"]["time"]);
    let (answers, batch) = read_together(result).await;
    let change = json!([{"field": "name", "before": "Ines", "after": "b"}]);
    assert!(answers.iter().all(|answer| answer.json["changes"] == change), "{answers:?}");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&batch), keys(&page["request"]));
    assert_eq!(batch["halt"], page["request"]["halt"]);
    let published_read = page["request"]["cmd"]["get_lead"].as_str().unwrap();
    for command in batch["cmd"].as_object().unwrap().values() {
        let command = command.as_str().unwrap();
        let id = command.rsplit_once("id=").unwrap().1.parse::<u64>().unwrap();
        assert_eq!(command.replace(&format!("&id={id}"), "&id=21"), published_read);
    }

    let mut result = page["refused"]["answer"]["result"].clone();
    result["result_error"] = of_each(&result["result_error"]["one"].clone());
    let (answers, batch) = read_together(result).await;
    let refused = answers.iter().filter(|answer| answer.json["error"]["code"] == "ITEM_NOT_FOUND");
    assert_eq!(refused.count(), batch["cmd"].as_object().unwrap().len());
}
