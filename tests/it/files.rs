//! Files and pictures: none is doubled, lost or stored as garbage.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{
        Answered, Server, on_portal, on_sandbox, problem_message, problems, program, received,
        update_contact, updates,
    },
};

const HELLO: &str = "aGVsbG8=";

async fn update_deal(server: &mut Server, fields: Value) -> Answered {
    server.update(json!({"entityTypeId": 2, "id": 355, "fields": fields})).await
}

#[tokio::test]
async fn files_are_stored_kept_and_removed_in_the_vendors_forms() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer =
        update_deal(&mut server, json!({"ufCrm1617027453943": ["myfile.pdf", HELLO]})).await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
    let id = answer.json["item"]["ufCrm_1617027453943"]["id"].as_i64().unwrap();
    assert_eq!(sandbox.file(id), Some(("myfile.pdf".to_owned(), b"hello".to_vec())));

    let answer = update_deal(&mut server, json!({"ufCrm_1617027453943": {"id": id}})).await;
    assert_eq!(answer.json["status"], "unchanged");
    let answer = update_deal(&mut server, json!({"ufCrm_1617027453943": ""})).await;
    assert_eq!(answer.json["status"], "updated");

    let parts = json!([{"id": 12}, {"id": 44}, ["myNewFile.pdf", HELLO]]);
    let answer = update_deal(&mut server, json!({"ufCrm_1617027453944": parts})).await;
    assert_eq!(updates(&sandbox).last().unwrap(), &json!({"ufCrm_1617027453944": parts}));
    assert_json_snapshot!(json!([answer.json["status"], answer.json["changes"], answer.json["notes"]]), @r#"
    [
      "updated",
      [
        {
          "field": "ufCrm_1617027453944",
          "before": [
            {
              "id": 12
            },
            {
              "id": 255
            },
            {
              "id": 44
            }
          ],
          "after": [
            {
              "id": 12
            },
            {
              "id": 44
            },
            {
              "id": 502
            }
          ]
        }
      ],
      [
        "`ufCrm_1617027453944`: files not listed are removed: 255",
        "`ufCrm_1617027453944` was sent `\"myNewFile.pdf\"` (5 bytes)"
      ]
    ]
    "#);
}

#[tokio::test]
async fn a_lone_pair_for_several_files_is_wrapped_where_it_replaces_none() {
    let (sandbox, mut server) = on_sandbox().await;
    let field = "ufCrm_1617027453944";
    let answer = update_deal(&mut server, json!({ field: ["a.txt", HELLO] })).await;
    let message = "is one file, and the field holds 3 others, which it would delete; send the whole \
                   list: [{\"id\":12},{\"id\":255},{\"id\":44},{\"name\":\"a.txt\",\"size\":5}], or a \
                   list of one to replace them";
    assert_eq!(problems(&answer), [json!([format!("fields.{field}"), message, null])]);
    assert_eq!(updates(&sandbox), [] as [Value; 0]);
    let cleared = server.update(json!({"entityTypeId": 2, "id": 355, "clear": [field]})).await;
    assert_eq!(cleared.json["status"], "updated");
    let answer = update_deal(&mut server, json!({ field: ["a.txt", HELLO] })).await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
    assert_eq!(updates(&sandbox).pop().unwrap(), json!({ field: [["a.txt", HELLO]] }));
}

#[tokio::test]
async fn files_that_would_corrupt_or_clear_the_field_are_refused() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        ("ufCrm_1617027453943", json!(["a.txt", "%%%"])),
        ("ufCrm_1617027453943", json!(["a.txt", ""])),
        ("ufCrm_1617027453943", json!({"id": 9999})),
        ("ufCrm_1617027453943", json!("a.txt")),
        ("ufCrm_1617027453944", json!([{"id": 12}, {"id": 9999}])),
        ("ufCrm_1617027453944", json!([12, 44])),
        ("ufCrm_1617027453943", json!({"path": "/etc/hostname"})),
    ];
    let mut told = Vec::new();
    for (name, value) in cases {
        let answer = update_deal(&mut server, json!({ name: value })).await;
        let problem = &answer.json["error"]["problems"][0];
        assert_eq!(problem["path"], format!("fields.{name}"));
        told.push(problem_message(&answer.json["error"], problem));
    }
    assert_eq!(updates(&sandbox), [] as [Value; 0]);
    assert_json_snapshot!(told, @r#"
    [
      "the content of `a.txt` is not base64, and the portal would store garbage: Invalid symbol 37, offset 0",
      "`a.txt` is empty, and the portal would empty the field",
      "cannot keep file 9999, which is not in the field now (it holds: 433); the portal would delete those files",
      "must be `[\"name.pdf\", \"<base64>\"]`, `{\"path\": \"/folder/name.pdf\"}` or `{\"id\": <id of a file in the field>}`, not `\"a.txt\"`",
      "cannot keep file 9999, which is not in the field now (it holds: 12, 255, 44); the portal would delete those files",
      "must be `[\"name.pdf\", \"<base64>\"]`, `{\"path\": \"/folder/name.pdf\"}` or `{\"id\": <id of a file in the field>}`, not `12`",
      "names the path `\"/etc/hostname\"`, and no upload folder is set; a person has to name one in `BITRIX24_FILES_DIR`"
    ]
    "#);
}

#[tokio::test]
async fn a_file_is_read_by_path_below_an_allowed_folder_only() {
    let sandbox = Sandbox::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("contract.pdf"), "the contract").unwrap();
    std::fs::write(other.path().join("secret.txt"), "a secret").unwrap();
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url());
    command.env("BITRIX24_FILES_DIR", folder.path()).env("BITRIX24_MAX_FILE_MB", "1");
    let mut server = Server::opened(command, &sandbox.webhook_url()).await;

    let path = folder.path().join("contract.pdf");
    let value = json!({"path": path, "name": "Contract 7.pdf"});
    let answer = update_deal(&mut server, json!({"ufCrm_1617027453943": value})).await;
    let id = answer.json["item"]["ufCrm_1617027453943"]["id"].as_i64().unwrap();
    let stored = Some(("Contract 7.pdf".to_owned(), b"the contract".to_vec()));
    assert_eq!(sandbox.file(id), stored);

    let large = folder.path().join("large.bin");
    std::fs::write(&large, vec![0; 1024 * 1024 + 1]).unwrap();
    for path in [
        other.path().join("secret.txt"),
        folder.path().join("..").join(other.path().file_name().unwrap()).join("secret.txt"),
        folder.path().to_path_buf(),
        large,
    ] {
        let value = json!({"path": path});
        let answer = update_deal(&mut server, json!({"ufCrm_1617027453943": value})).await;
        assert_eq!(answer.json["error"]["code"], "INVALID_ARGUMENTS", "{}", path.display());
    }
    assert_eq!(updates(&sandbox).len(), 1);
}

#[tokio::test]
async fn a_content_is_shown_as_name_and_size() {
    let (_sandbox, mut server) = on_sandbox().await;
    let fields = json!({"ufCrm_1617027453943": ["a.txt", HELLO]});
    let call = json!({"entityTypeId": 2, "id": 355, "dryRun": true, "fields": fields});
    let answer = server.update(call).await;
    assert_eq!(answer.json["changes"][0]["after"], json!({"name": "a.txt", "size": 5}));
}

#[tokio::test]
async fn a_file_that_the_portal_lost_is_reported() {
    let before = json!({"id": 355, "ufCrm_1617027453943": {"id": 433, "urlMachine": "x"}});
    let after = json!({"id": 355, "ufCrm_1617027453943": null});
    let list = json!({"result": {"fields": {"ufCrm_1617027453943": {"type": "file", "isMultiple": false}}}});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(before)]),
        ("crm.item.update", vec![Reply::item(after)]),
        ("crm.item.fields", vec![Reply::Json(200, list)]),
    ])
    .await;
    let answer = update_deal(&mut server, json!({"ufCrm_1617027453943": ["a.txt", HELLO]})).await;
    assert_eq!(answer.json["notApplied"][0]["why"], "file_not_stored");
    assert_eq!(answer.json["notApplied"][0]["asked"], json!({"name": "a.txt", "size": 5}));
    assert_eq!(answer.json["error"]["written"], "yes");
}

#[tokio::test]
async fn a_picture_goes_by_the_method_that_takes_it_after_the_other_fields() {
    let (sandbox, mut server) = on_sandbox().await;
    let fields = json!({"photo": ["anna.png", HELLO], "post": "Head"});
    let answer = update_contact(&mut server, fields).await;
    let requests = received(&sandbox);
    let methods: Vec<&str> = requests.iter().map(|it| it.method.as_str()).collect();
    assert_eq!(methods, ["crm.item.get", "crm.item.update", "crm.contact.update", "crm.item.get"]);
    assert_eq!(requests[1].body["fields"], json!({"post": "Head"}));
    assert_eq!(
        requests[2].body,
        json!({"id": 5, "fields": {"PHOTO": {"fileData": ["anna.png", HELLO]}}})
    );
    assert_json_snapshot!(json!([answer.json["status"], answer.json["changes"]]), @r#"
    [
      "updated",
      [
        {
          "field": "photo",
          "before": 77,
          "after": 501
        },
        {
          "field": "post",
          "before": "Buyer",
          "after": "Head"
        }
      ]
    ]
    "#);

    let logo = json!({"entityTypeId": 4, "id": 11, "fields": {"logo": ["acme.png", HELLO]}});
    let answer = server.update(logo).await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
    assert_eq!(received(&sandbox).iter().rev().nth(1).unwrap().method, "crm.company.update");
}

#[tokio::test]
async fn a_picture_without_an_answer_is_not_called_refused() {
    let item = |post: &str, photo: u32| Reply::item(json!({"id": 5, "post": post, "photo": photo}));
    let gateway = Reply::Body(502, "text/html", b"<html>".to_vec());
    let update = async |gets: Vec<Reply>, fields: Value| {
        let portal = ScriptedPortal::start(&[
            ("crm.item.get", gets),
            ("crm.item.update", vec![item("Head", 77)]),
            ("crm.contact.update", vec![gateway.clone()]),
        ])
        .await;
        let mut server =
            Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", "5")]).await;
        let answer = update_contact(&mut server, fields).await;
        let sent = portal.methods().into_iter().filter(|method| method == "crm.contact.update");
        assert_eq!(sent.count(), 1);
        answer.json
    };
    let both = || json!({"photo": ["anna.png", HELLO], "post": "Head"});
    let late = vec![item("Buyer", 77), item("Head", 77), item("Head", 78)];
    let (json, late, alone) = tokio::join!(
        update(vec![item("Buyer", 77), item("Head", 77)], both()),
        update(late, both()),
        update(vec![item("Buyer", 77)], json!({"photo": ["anna.png", HELLO]})),
    );
    let error = &json["error"];
    assert_eq!(error["code"], "PARTLY_APPLIED");
    assert_eq!(error["written"], "yes");
    assert_eq!(error["portal"]["httpStatus"], 502);
    let message = "the portal gave no answer to `photo`: it may or may not have been applied";
    assert_eq!(error["message"], message);
    assert_eq!(json["notApplied"][0]["why"], "no_answer");

    // It shows up late.
    assert_eq!(late["status"], "updated");

    assert_eq!(alone["error"]["code"], "PORTAL_FAILED");
    assert_eq!(alone["error"]["written"], "unknown");
}

#[tokio::test]
async fn a_picture_that_is_refused_does_not_hide_what_was_written() {
    let item = |post: &str| Reply::item(json!({"id": 5, "post": post, "photo": 77}));
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![item("Buyer")]),
        ("crm.item.update", vec![item("Head")]),
        ("crm.contact.update", vec![Reply::error(400, "", "The file is no image")]),
    ])
    .await;
    let fields = json!({"photo": ["anna.png", HELLO], "post": "Head"});
    let answer = update_contact(&mut server, fields).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "status": "partial",
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "the portal refused `photo` and applied the rest",
        "written": "yes",
        "retry": "after_fix",
        "hint": "`post` was applied; resend only what `notApplied` lists",
        "portal": {
          "httpStatus": 400,
          "code": "",
          "description": "The file is no image"
        }
      },
      "notApplied": [
        {
          "field": "photo",
          "asked": {
            "name": "anna.png",
            "size": 5
          },
          "now": 77,
          "why": "refused",
          "hint": "the portal refused the picture; see `error.portal`"
        }
      ],
      "changes": [
        {
          "field": "post",
          "before": "Buyer",
          "after": "Head"
        }
      ],
      "notes": [
        "`photo` was sent `\"anna.png\"` (5 bytes)"
      ],
      "item": {
        "photo": 77,
        "post": "Head"
      }
    }
    "#);
}

#[tokio::test]
async fn a_picture_is_not_sent_when_the_other_fields_were_not_applied() {
    let item = || Reply::item(json!({"id": 5, "post": "Buyer", "photo": 77}));
    let (portal, mut server) =
        on_portal(&[("crm.item.get", vec![item()]), ("crm.item.update", vec![item()])]).await;
    let fields = json!({"photo": ["anna.png", HELLO], "post": "Head"});
    let answer = update_contact(&mut server, fields).await;
    assert_eq!(portal.methods(), ["crm.item.get", "crm.item.update"]);
    let why: Vec<&Value> =
        answer.json["notApplied"].as_array().unwrap().iter().map(|it| &it["why"]).collect();
    assert_eq!(why, ["not_sent", "ignored"]);
}
