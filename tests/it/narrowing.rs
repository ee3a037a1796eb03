//! Settings that leave tools or entity types out.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Server, program, received};

async fn narrowed(sandbox: &Sandbox, settings: &[(&str, &str)]) -> Server {
    Server::with_settings(&sandbox.webhook_url(), settings).await
}

async fn listed(server: &mut Server) -> Vec<Value> {
    let listed = server.request("tools/list", json!({})).await;
    listed["result"]["tools"].as_array().unwrap().clone()
}

#[tokio::test]
async fn tools_that_are_not_chosen_do_not_exist() {
    let sandbox = Sandbox::start().await.unwrap();
    let lookup = ["find_crm_items", "get_crm_item", "describe_crm_fields"];
    let cases: [(&[(&str, &str)], &[&str]); 4] = [
        (&[("BITRIX24_TOOLS", "lookup")], &lookup),
        (
            &[("BITRIX24_TOOLS", "update")],
            &["update_crm_item", "update_crm_items", "undo_crm_update"],
        ),
        (&[("BITRIX24_READ_ONLY", "1")], &lookup),
        (&[("BITRIX24_TOOLS", "update"), ("BITRIX24_READ_ONLY", "1")], &[]),
    ];
    for (settings, expected) in cases {
        let mut server = narrowed(&sandbox, settings).await;
        let tools = listed(&mut server).await;
        let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{settings:?}");
    }
    // Hints name only tools that there are.
    for (tools, is_named) in [("update", false), ("update,lookup", true)] {
        let mut server = narrowed(&sandbox, &[("BITRIX24_TOOLS", tools)]).await;
        for call in [
            json!({"entityTypeId": 2, "id": 351, "fields": {"assignedById": "Olga"}}),
            json!({"entityTypeId": "Nothing", "id": 1, "fields": {"title": "b"}}),
            json!({"entityTypeId": 1500, "id": 1, "fields": {"title": "b"}}),
        ] {
            let error = server.update(call).await.json["error"].clone();
            let hint = error["hint"].as_str().unwrap();
            assert_eq!(hint.contains("describe_crm_fields"), is_named, "{error}");
        }
    }
    let mut server = narrowed(&sandbox, &[("BITRIX24_TOOLS", "lookup")]).await;
    let params = json!({"name": "update_crm_item", "arguments": {}});
    let answer = server.request("tools/call", params).await;
    assert_eq!(answer["error"]["code"], -32_602);
}

#[tokio::test]
async fn entity_types_that_are_not_chosen_are_neither_shown_nor_served() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut server = narrowed(&sandbox, &[("BITRIX24_ENTITY_TYPES", "contact, 1220")]).await;
    let tools = listed(&mut server).await;
    let update = &tools[0]["inputSchema"]["properties"];
    let fields = update["fields"]["properties"].as_object().unwrap();
    let described: Vec<&Value> = tools
        .iter()
        .map(|tool| &tool["inputSchema"]["properties"]["entityTypeId"]["description"])
        .collect();
    assert_json_snapshot!(json!([
        described,
        fields.keys().collect::<Vec<_>>(),
        fields["assignedById"]["description"],
        tools[0]["description"].as_str().unwrap().lines().nth(4),
    ]), @r#"
    [
      [
        "3 contact, 1220 smart process",
        "3 contact, 1220 smart process",
        null,
        "3 contact, 1220 smart process",
        "3 contact, 1220 smart process",
        "3 contact, 1220 smart process"
      ],
      [
        "title",
        "stageId",
        "categoryId",
        "opportunity",
        "currencyId",
        "isManualOpportunity",
        "assignedById",
        "observers",
        "opened",
        "comments",
        "companyId",
        "companyIds",
        "contactId",
        "contactIds",
        "typeId",
        "sourceId",
        "sourceDescription",
        "begindate",
        "closedate",
        "taxValue",
        "name",
        "lastName",
        "secondName",
        "honorific",
        "post",
        "birthdate",
        "fm",
        "photo",
        "export",
        "leadId",
        "mycompanyId",
        "webformId",
        "originatorId",
        "originId",
        "originVersion",
        "xmlId",
        "utmSource",
        "utmMedium",
        "utmCampaign",
        "utmContent",
        "utmTerm"
      ],
      "CS responsible user",
      "To change the pipeline, send `categoryId` and `stageId` together. `expect` prevents changing an item that has changed since you read it; \"\" expects nothing there."
    ]
    "#);
    let calls = [
        ("update_crm_item", json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})),
        ("find_crm_items", json!({"entityTypeId": 2})),
        ("get_crm_item", json!({"entityTypeId": 4, "id": 11})),
        ("describe_crm_fields", json!({"entityTypeId": 132})),
    ];
    let mut told = Vec::new();
    for (tool, arguments) in calls {
        told.push(server.call(tool, arguments).await.json["error"]["message"].clone());
    }
    assert_eq!(received(&sandbox), []);
    let types = server.call("describe_crm_fields", json!({})).await;
    told.push(types.json["entityTypes"].clone());
    assert_json_snapshot!(told, @r#"
    [
      "`entityTypeId` is deal; this server only allows 3 contact, 1220 smart process",
      "`entityTypeId` is deal; this server only allows 3 contact, 1220 smart process",
      "`entityTypeId` is company; this server only allows 3 contact, 1220 smart process",
      "`entityTypeId` is smart process 132; this server only allows 3 contact, 1220 smart process",
      [
        {
          "entityTypeId": 3,
          "name": "contact"
        },
        {
          "entityTypeId": 1220,
          "name": "Projects",
          "isSmartProcess": true
        }
      ]
    ]
    "#);
    // A phone that only contacts and companies have is not looked for among companies.
    let arguments = json!({"entityTypeId": 1220, "query": "Orbit Software"});
    let found = server.call("find_crm_items", arguments).await;
    assert_eq!(found.json["items"], json!([]));
}

#[tokio::test]
async fn a_server_that_only_reads_sends_nothing_that_writes() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut server = narrowed(&sandbox, &[("BITRIX24_READ_ONLY", "1")]).await;
    let arguments = json!({
        "entityTypeId": 2, "id": 351, "query": "Acme", "field": "stageId", "fields": {"title": "b"},
        "filter": {"title": "b"},
    });
    for tool in ["update_crm_item", "find_crm_items", "get_crm_item", "describe_crm_fields"] {
        let mut fitting = arguments.clone();
        let keys: &[&str] = match tool {
            "update_crm_item" => &["entityTypeId", "id", "fields"],
            "find_crm_items" => &["entityTypeId", "query", "filter"],
            "get_crm_item" => &["entityTypeId", "id"],
            _ => &["entityTypeId", "query", "field"],
        };
        fitting.as_object_mut().unwrap().retain(|key, _| keys.contains(&key.as_str()));
        let answer = server.call(tool, fitting).await;
        assert_eq!(answer.is_error, tool == "update_crm_item", "{tool}: {}", answer.json);
    }
    let mut methods: Vec<String> =
        received(&sandbox).into_iter().map(|request| request.method).collect();
    methods.sort();
    methods.dedup();
    let readers = ["crm.item.fields", "crm.item.get", "crm.item.list"];
    assert_eq!(methods, readers);
}

#[tokio::test]
async fn instructions_speak_of_the_tools_that_exist() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut told = Vec::new();
    for tools in ["update,lookup", "update", "lookup"] {
        let mut command = program();
        command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url()).env("BITRIX24_TOOLS", tools);
        let mut server = Server::started(command, &sandbox.webhook_url());
        let answer = server.initialize("2025-11-25").await;
        let instructions = answer["result"]["instructions"].as_str().unwrap().to_owned();
        assert!(instructions.chars().count() <= 2_000);
        let names = ["update_crm_item", "find_crm_items", "get_crm_item", "describe_crm_fields"];
        told.push(names.map(|name| instructions.contains(name)));
    }
    assert_eq!(told, [[true; 4], [true, false, false, false], [false, true, true, true]]);
}
