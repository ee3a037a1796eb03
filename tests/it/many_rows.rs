//! Many items with values of their own: lists in the call, and CSV files in the forms that
//! spreadsheets write.

use bitrix24_crm_mcp::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::{
    many::{FIRST, MANY, counts},
    support::{Answered, Server, program},
};

/// A CSV file in a folder that may be read, and a server with that folder.
pub(crate) async fn on_file(name: &str, content: &[u8]) -> (Sandbox, Server, tempfile::TempDir) {
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

pub(crate) async fn of_file(content: &[u8]) -> (Sandbox, Answered) {
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
