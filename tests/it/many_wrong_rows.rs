//! Rows that cannot be read: what is wrong is told with its place before anything is sent.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::{
    many::{MANY, written},
    many_rows::of_file,
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, on_sandbox, problems, program},
};

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
