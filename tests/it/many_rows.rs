//! Many items with values of their own: lists in the call, and CSV files in the forms that
//! spreadsheets write.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    many_items::{FIRST, MANY, counts, written},
    scripted_portal::{Reply, ScriptedPortal},
    support::{Answered, Server, on_sandbox, problems, program},
};

/// A CSV file in a folder that may be read, and a server with that folder.
async fn on_file(name: &str, content: &[u8]) -> (Sandbox, Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(4);
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url());
    command.env("BITRIX24_FILES_DIR", folder.path());
    let server = Server::opened(command, &sandbox.webhook_url()).await;
    (sandbox, server, folder)
}

async fn of_file(content: &[u8]) -> (Sandbox, Answered) {
    let (sandbox, mut server, _folder) = on_file("rows.csv", content).await;
    let answer = server.call(MANY, json!({"entityTypeId": 2, "file": "rows.csv"})).await;
    (sandbox, answer)
}

#[tokio::test]
async fn a_file_has_a_row_for_each_item() {
    let files: [&[u8]; 3] = [
        b"id,title,opportunity\n1001,\"A, B\",5\n1002,,6\n1003,C,\n1004,,\n",
        "\u{feff}ID;Title;opportunity\r\n1001;A, B;5\r\n1002;;6\r\n1003;C;\r\n1004;;\r\n"
            .as_bytes(),
        b"title\tid\topportunity\n\"A, B\"\t1001\t5\n\t1002\t6\n\nC\t1003\t\n\t1004\t\n",
    ];
    for file in files {
        let (sandbox, answer) = of_file(file).await;
        assert_eq!(counts(&answer.json), [3, 1, 0, 0, 0, 0], "{}", answer.json);
        let titles = (FIRST..FIRST + 4).map(|id| sandbox.item(2, id).unwrap());
        let titles: Vec<Value> =
            titles.map(|item| json!([item["title"], item["opportunity"]])).collect();
        assert_eq!(json!(titles), json!([["A, B", 5], ["Deal 2", 6], ["C", 3], ["Deal 4", 4]]));
    }
}

#[tokio::test]
async fn quoted_cells_are_sent_as_they_are_written() {
    let cases = [
        ("\"  spaced  \"", "  spaced  "),
        ("  bare  ", "bare"),
        ("5\" pipe", "5\" pipe"),
        ("\"a\nb\"", "a\nb"),
        ("\"a, \"\"b\"\"\"", "a, \"b\""),
    ];
    for (cell, title) in cases {
        let (sandbox, answer) = of_file(format!("id,title\n1001,{cell}\n").as_bytes()).await;
        assert_eq!(counts(&answer.json), [1, 0, 0, 0, 0, 0], "{}", answer.json);
        let requests = sandbox.received();
        let update = requests.iter().find(|it| it.method == "crm.item.update").unwrap();
        assert_eq!(update.body["fields"]["title"], title);
    }
}

#[tokio::test]
async fn cells_hold_every_kind_of_value() {
    let (opportunity, day) = ("opportunity", "ufCrm_1730000000004");
    let (flag, deposit) = ("ufCrm_1730000000003", "ufCrm_1730000000005");
    let (channels, related) = ("ufCrm_1730000000001", "ufCrm_1730000000007");
    let cases = [
        (opportunity, "12000", json!(12_000)),
        (opportunity, "12000.50", json!(12_000.5)),
        ("closedate", "2026-12-31", json!("2026-12-31T02:00:00+02:00")),
        (day, "31.12.2026", json!("2026-12-31T02:00:00+02:00")),
        ("opened", "N", json!("N")),
        (flag, "Y", json!("Y")),
        (deposit, "300|USD", json!("300|USD")),
        ("assignedById", "Jonas Brandt", json!(6)),
        ("observers", "7", json!([7])),
        ("observers", "6, 7", json!([6, 7])),
        ("observers", "6;7", json!([6, 7])),
        ("observers", "[6, 7]", json!([6, 7])),
        ("observers", "[\"Jonas Brandt\", 7]", json!([6, 7])),
        ("contactIds", "5 7", json!([5, 7])),
        (channels, "Fair", json!([44])),
        (channels, "[\"Fair\", 46]", json!([44, 46])),
        (channels, "44, 46", json!([44, 46])),
        (related, "CO_11, C_5", json!(["CO_11", "C_5"])),
        ("Channels", "Partner", json!([45])),
        ("номер договора", "Д-18", json!("Д-18")),
    ];
    for (column, cell, stored) in cases {
        let cell = cell.replace('"', "\"\"");
        let file = format!("Id,{column}\n1001,\"{cell}\"\n");
        let (sandbox, answer) = of_file(file.as_bytes()).await;
        assert_eq!(counts(&answer.json), [1, 0, 0, 0, 0, 0], "{column} {cell}: {}", answer.json);
        let name = match column {
            "Channels" => channels,
            "номер договора" => "ufCrm_1730000000009",
            name => name,
        };
        assert_eq!(sandbox.item(2, FIRST).unwrap()[name], stored, "{column} {cell}");
    }
}

#[tokio::test]
async fn what_spreadsheets_add_is_no_value() {
    let files: [&[u8]; 4] = [
        b"sep=;\r\nid;title;\r\n1001;A;\r\n;;\r\n",
        b"id,,title\n1001,,A\n",
        b"id,title\n1001,A,,\n",
        b"\"sep=\t\"\n\nid\t title \n1001\tA\n\" \"\t\" \"\n",
    ];
    for file in files {
        let (sandbox, answer) = of_file(file).await;
        assert_eq!(counts(&answer.json), [1, 0, 0, 0, 0, 0], "{}", answer.json);
        assert_eq!(sandbox.item(2, FIRST).unwrap()["title"], "A");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_before_anything_is_sent() {
    let long = format!("id,{}\n1001,A\n", "x".repeat(5_000));
    let many = format!("id,title\n{}", "1001,A\n".repeat(1_002));
    let wrong = format!("id,title\n{}", "x,A\n".repeat(50));
    let files: [&[u8]; 26] = [
        b"id,titel\n1001,A\n",
        b"title\nA\n",
        b"id,title\n",
        b"id,title,id\n1001,A,1001\n",
        b"id,title\n1001,A\n1001,B\nx,C\n1003,D,E\n",
        b"id,opportunity\n1001,five\n1002,six\n",
        b"id,title\n1001,\xff\n",
        b"\xff\xfei\0d\0,\0",
        b"i\0d\0,\0t\0",
        b"",
        b"\xef\xbb\xbf\r\n",
        b"id\n1001\n",
        b"id,title\n1001,\"x\n1002,B\n1003,C\n",
        b"id,title\n\n1001,\"a\nb\"\n1002,\"x\n1003,C\n",
        b"id,title\r\n\r\n1001,\"a\r\nb\"\r\nx,B\r\n",
        b"id,title\n\n1001,\"a\nb\"\nx,B\n",
        b"id,title\n1001,\"A\" B\n",
        b"id,title,Name\n1001,A,B\n",
        b"id,title,\n1001,A,\n1002,B,C\n",
        b"id,observers,contactIds\n1001,[6,,5 7\n1002,\"Brandt, Jonas\",\"1, x\"\n",
        b"id,ufCrm_1730000000001\n1001,\"Fair, Partner\"\n1002,Nobody\n",
        b"id,titel,opportunity\n1001,A,five\nx,B,5\n",
        b"titel,opportunity\nA,five\n",
        long.as_bytes(),
        many.as_bytes(),
        wrong.as_bytes(),
    ];
    let mut told = Vec::new();
    for file in files {
        let (sandbox, answer) = of_file(file).await;
        assert!(written(&sandbox).is_empty());
        let mut problems = problems(&answer);
        assert!(problems.len() <= 20);
        for problem in &problems {
            for text in [&problem[0], &problem[1]] {
                assert!(text.as_str().unwrap().chars().count() <= 200, "{text}");
            }
        }
        problems.truncate(4);
        told.push(problems);
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        [
          "file.titel",
          "is not a field of deal",
          "title"
        ]
      ],
      [
        [
          "file",
          "has no column `id`",
          null
        ]
      ],
      [
        [
          "file",
          "has no rows below its header",
          null
        ]
      ],
      [
        [
          "file.id",
          "is a second column of `id`",
          null
        ]
      ],
      [
        [
          "row 4",
          "has an `id` that is no number",
          null
        ],
        [
          "row 5",
          "has more cells than the header; a cell that holds the separator needs quotes",
          null
        ],
        [
          "row 3",
          "names item 1001 again, after `row 2`",
          null
        ]
      ],
      [
        [
          "row 2.opportunity",
          "must be a number such as `10000` or `99.5`, not `\"five\"`",
          null
        ],
        [
          "row 3.opportunity",
          "must be a number such as `10000` or `99.5`, not `\"six\"`",
          null
        ]
      ],
      [
        [
          "file",
          "is not UTF-8; save it anew in the format `CSV UTF-8`",
          null
        ]
      ],
      [
        [
          "file",
          "is not UTF-8; save it anew in the format `CSV UTF-8`",
          null
        ]
      ],
      [
        [
          "file",
          "is not UTF-8; save it anew in the format `CSV UTF-8`",
          null
        ]
      ],
      [
        [
          "file",
          "is empty",
          null
        ]
      ],
      [
        [
          "file",
          "is empty",
          null
        ]
      ],
      [
        [
          "file",
          "has no column of a field beside `id`",
          null
        ]
      ],
      [
        [
          "row 2",
          "has a cell whose quote is never closed",
          null
        ]
      ],
      [
        [
          "row 5",
          "has a cell whose quote is never closed",
          null
        ]
      ],
      [
        [
          "row 5",
          "has an `id` that is no number",
          null
        ]
      ],
      [
        [
          "row 5",
          "has an `id` that is no number",
          null
        ]
      ],
      [
        [
          "row 2",
          "has a quoted cell with text behind its closing quote; a quote within quotes is written twice",
          null
        ]
      ],
      [
        [
          "file.Name",
          "is a second column of `title`",
          null
        ]
      ],
      [
        [
          "file",
          "has no header for column 3, which `row 3` fills",
          null
        ]
      ],
      [
        [
          "row 2.observers",
          "begins with `[` and is no JSON; a list is written `[1,2]` or `[\"a\",\"b\"]`",
          null
        ],
        [
          "row 2",
          "has more cells than the header; a cell that holds the separator needs quotes",
          null
        ],
        [
          "row 3.observers",
          "is not one value; write several as ids `1, 2` or as a JSON list `[1,2]` or `[\"a\",\"b\"]`",
          null
        ],
        [
          "row 3.contactIds",
          "is not one value; write several as ids `1, 2` or as a JSON list `[1,2]` or `[\"a\",\"b\"]`",
          null
        ]
      ],
      [
        [
          "row 2.ufCrm_1730000000001",
          "is not one value; write several as ids `1, 2` or as a JSON list `[1,2]` or `[\"a\",\"b\"]`",
          null
        ]
      ],
      [
        [
          "file.titel",
          "is not a field of deal",
          "title"
        ],
        [
          "row 3",
          "has an `id` that is no number",
          null
        ],
        [
          "row 2.opportunity",
          "must be a number such as `10000` or `99.5`, not `\"five\"`",
          null
        ]
      ],
      [
        [
          "file.titel",
          "is not a field of deal",
          "title"
        ],
        [
          "file",
          "has no column `id`",
          null
        ],
        [
          "row 2.opportunity",
          "must be a number such as `10000` or `99.5`, not `\"five\"`",
          null
        ]
      ],
      [
        [
          "file.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…",
          "is not a field of deal",
          null
        ]
      ],
      [
        [
          "file",
          "names 1002 items, and one call changes at most 1000; change them in parts",
          null
        ]
      ],
      [
        [
          "row 2",
          "has an `id` that is no number",
          null
        ],
        [
          "row 3",
          "has an `id` that is no number",
          null
        ],
        [
          "row 4",
          "has an `id` that is no number",
          null
        ],
        [
          "row 5",
          "has an `id` that is no number",
          null
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn wrong_ids_do_not_hide_what_is_wrong_with_fields() {
    let (sandbox, mut server) = on_sandbox().await;
    let items = json!([
        {"title": "a"}, {"id": 5, "titel": "b"}, {"id": 6, "opportunity": "five"},
        {"id": 7, "titel": "c"},
    ]);
    let answer = server.call(MANY, json!({"entityTypeId": 2, "items": items})).await;
    assert!(written(&sandbox).is_empty());
    assert_json_snapshot!(problems(&answer), @r#"
    [
      [
        "items.0",
        "has no `id`",
        null
      ],
      [
        "items.1.titel",
        "is not a field of deal",
        "title"
      ],
      [
        "items.2.opportunity",
        "must be a number such as `10000` or `99.5`, not `\"five\"`",
        null
      ]
    ]
    "#);
}

#[tokio::test]
async fn a_title_of_several_fields_names_them() {
    let field = |title: &str| json!({"type": "string", "title": title});
    let fields = json!({
        "title": field("Name"), "ufCrm_1": field("Code"), "ufCrm_2": field("Code"),
        "ufCrm_3": field("code "), "ufCrm_4": field("Code"), "ufCrm_5": field("Other"),
        "ufCrm_6": field("title"),
    });
    let fields = Reply::Json(200, json!({"result": {"fields": fields}}));
    let portal = ScriptedPortal::start(&[("crm.item.fields", vec![fields])]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, "id,CODE,Other,other,title,Name\n5,A,,,B,C\n").unwrap();
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook());
    command.env("BITRIX24_FILES_DIR", folder.path());
    let mut server = Server::opened(command, &portal.webhook()).await;
    let mut told = Vec::new();
    for naming in ["N", "Y"] {
        let call = json!({"entityTypeId": 2, "file": path, "useOriginalUfNames": naming});
        told.push(problems(&server.call(MANY, call).await));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        [
          "file.CODE",
          "is the title of several fields: `ufCrm_1`, `ufCrm_2`, `ufCrm_3` and 1 more; write one of the names",
          null
        ],
        [
          "file.other",
          "is a second column of `ufCrm_5`",
          null
        ],
        [
          "file.Name",
          "is a second column of `title`",
          null
        ]
      ],
      [
        [
          "file.CODE",
          "is the title of several fields: `UF_CRM_1`, `UF_CRM_2`, `UF_CRM_3` and 1 more; write one of the names",
          null
        ],
        [
          "file.other",
          "is a second column of `UF_CRM_5`",
          null
        ],
        [
          "file.Name",
          "is a second column of `title`",
          null
        ]
      ]
    ]
    "#);
}
