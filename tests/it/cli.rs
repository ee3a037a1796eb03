//! The commands, as people and scripts use them.

use std::process::Stdio;

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{program, run};

const UPDATE: &str = r#"{"entityTypeId":2,"id":351,"fields":{"title":"Acme"}}"#;

#[tokio::test]
async fn call_prints_the_answer_and_its_exit_code_tells_how_it_went() {
    let updated = run(program().args(["--sandbox", "call", "update_crm_item", UPDATE])).await;
    assert_eq!((updated.code, updated.stderr.as_str()), (Some(0), ""));
    let answer: Value = serde_json::from_str(&updated.stdout).unwrap();
    assert_eq!(
        answer["changes"],
        json!([{"field": "title", "before": "Service contract", "after": "Acme"}])
    );

    let misspelt = r#"{"entityTypeId":2,"id":351,"fields":{"titel":"Acme"}}"#;
    let refused = run(program().args(["call", "--sandbox", "update_crm_item", misspelt])).await;
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), ""));
    assert_json_snapshot!(serde_json::from_str::<Value>(&refused.stdout).unwrap(), @r#"
    {
      "ok": false,
      "error": {
        "code": "UNKNOWN_FIELD",
        "message": "`fields.titel` is not a field of deal",
        "written": "no",
        "retry": "after_fix",
        "hint": "correct the arguments listed in `problems` and call again",
        "problems": [
          {
            "path": "fields.titel",
            "didYouMean": "title"
          }
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn a_preview_says_how_the_change_is_made_from_the_command_line() {
    let change = r#"{"entityTypeId":2,"filter":{"categoryId":9},"fields":{"assignedById":8}}"#;
    let shown = run(program().args(["--sandbox", "call", "update_crm_items", change])).await;
    assert_eq!(shown.code, Some(0));
    let answer: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(answer["status"], "confirm");
    assert_snapshot!(shown.stderr, @"nothing was changed: `confirm` can only be used in the process that gave it; with `call --confirm` you are asked, and the items are changed");
}

#[tokio::test]
async fn call_reads_its_arguments_from_standard_input() {
    let mut command = program();
    command.args(["call", "update_crm_item", "-"]).env("BITRIX24_SANDBOX", "yes");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(UPDATE.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["status"], "updated");
}

#[tokio::test]
async fn wrong_usage_and_settings_end_with_code_2_and_leave_standard_output_alone() {
    let sandbox = ["--sandbox", "call", "update_crm_item"];
    let cases: [(&str, Vec<&str>, &[(&str, &str)]); 7] = [
        ("no portal", vec!["call", "update_crm_item", UPDATE], &[]),
        (
            "malformed settings",
            vec!["call", "update_crm_item", UPDATE],
            &[("BITRIX24_WEBHOOK_URL", "https://acme.example/rest/s3cret"), ("BITRIX24_RATE", "x")],
        ),
        (
            "sandbox and webhook",
            [sandbox.as_slice(), &[UPDATE]].concat(),
            &[("BITRIX24_WEBHOOK_URL", "https://acme.example/rest/1/s3cret")],
        ),
        ("no JSON", [sandbox.as_slice(), &["{"]].concat(), &[]),
        ("unknown tool", vec!["--sandbox", "call", "delete_it", "{}"], &[]),
        ("unknown flag", vec!["--sandbx"], &[]),
        ("missing argument", vec!["call"], &[]),
    ];
    let mut told = String::new();
    for (name, arguments, variables) in cases {
        let finished = run(program().args(arguments).envs(variables.iter().copied())).await;
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{name}");
        assert!(!finished.stderr.contains("s3cret"));
        told.push_str(&format!("# {name}\n{}\n", finished.stderr));
    }
    assert_snapshot!(told, @"
    # no portal
    error: no Bitrix24 portal is set
    hint: a person has to set `BITRIX24_WEBHOOK_URL` in the MCP client's configuration to the address of an inbound webhook with the scope `crm`, such as `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, and start the server again; with `BITRIX24_SANDBOX=1` it works on an embedded demo portal

    # malformed settings
    error: 2 settings cannot be used
      `BITRIX24_RATE` must be `standard`, `enterprise` or two numbers such as `250/5`
      `BITRIX24_WEBHOOK_URL` must end in `/rest/{user}/{secret}/`, with the number of a user and the secret of the webhook
    hint: a person has to correct the settings in the MCP client's configuration and start the server again

    # sandbox and webhook
    error: the setting `BITRIX24_WEBHOOK_URL` is set together with `BITRIX24_SANDBOX`; unset one of them
    hint: a person has to correct the settings in the MCP client's configuration and start the server again

    # no JSON
    error: the arguments cannot be read: EOF while parsing an object at line 1 column 1

    # unknown tool
    error: there is no tool `delete_it`; there are `update_crm_item`, `update_crm_items`, `undo_crm_update`, `find_crm_items`, `get_crm_item`, `describe_crm_fields`

    # unknown flag
    error: unexpected argument '--sandbx' found

      tip: a similar argument exists: '--sandbox'

    Usage: bitrix24-crm-mcp --sandbox

    For more information, try '--help'.

    # missing argument
    error: the following required arguments were not provided:
      <TOOL>
      <JSON>

    Usage: bitrix24-crm-mcp call <TOOL> <JSON>

    For more information, try '--help'.
    ");
}

#[tokio::test]
async fn a_flag_wins_over_its_variable() {
    let mut command = program();
    command.args(["--rate", "10/1", "--sandbox", "call", "update_crm_item", UPDATE]);
    let finished = run(command.env("BITRIX24_RATE", "nonsense")).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[tokio::test]
async fn the_demonstration_speaks_the_language_of_the_locale() {
    let russian = run(program().arg("demo").env("LC_ALL", "ru_RU.UTF-8")).await;
    let english = run(program().args(["demo", "--lang", "en"]).env("LC_ALL", "ru_RU.UTF-8")).await;
    assert_eq!((russian.code, english.code), (Some(0), Some(0)));
    let (russian, english): (Vec<&str>, Vec<&str>) =
        (russian.stdout.lines().collect(), english.stdout.lines().collect());
    // One more line says that calls and errors are in English.
    assert_eq!(russian.len(), english.len() + 1);
    let is_russian = |line: &str| line.contains(|c: char| ('а'..='я').contains(&c));
    let headings: Vec<&&str> =
        russian.iter().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(headings.len(), 5);
    assert!(headings.iter().all(|line| is_russian(line)), "{headings:?}");
    assert!(!english.iter().any(|line| is_russian(line)), "{english:?}");
    // What an assistant sends is the same, up to a confirmation, which is another one each time.
    for (russian, english) in russian.iter().skip(1).zip(&english) {
        let call = |line: &str| line.find('{').map(|start| line[start..].to_owned());
        if call(english).is_some_and(|it| !it.contains("confirm")) {
            assert_eq!(call(russian), call(english));
        }
    }
}

#[tokio::test]
async fn the_demonstration_shows_updates_refusals_and_a_caught_drop() {
    let finished = run(program().arg("demo")).await;
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    // A confirmation is another one each time.
    let (before, confirm) = finished.stdout.split_once("\"confirm\":\"40.").unwrap();
    let (_, after) = confirm.split_once('.').unwrap();
    let shown = format!("{before}\"confirm\":\"40.….{after}");
    assert_snapshot!(shown, @r#"
    An AI assistant starts this program and calls its tools. Here are such calls, sent to a real
    server in this process, which calls an embedded Bitrix24 portal over HTTP.

    1. Find the deal, and the code of the stage that people call "Agreed"

       asked    find_crm_items {"entityTypeId":2,"query":"service contract"}
       found    351 "Service contract", 500 EUR
                stage "Request" (C9:NEW) of the pipeline "Service" (9), responsible "Sandbox User" (1)

       asked    describe_crm_fields {"entityTypeId":2,"query":"agreed"}
       found    the stage "Agreed" of the pipeline "Service" has the code "C9:UC_NYL06U"

    2. Move it to that stage and set its amount

       asked    update_crm_item {"entityTypeId":2,"id":351,"fields":{"stageId":"C9:UC_NYL06U",
                "opportunity":12000,"currencyId":"USD"}}
       changed  stageId      "Request" (C9:NEW) → "Agreed" (C9:UC_NYL06U)
                opportunity  500 → 12000
                currencyId   "EUR" → "USD"
                isNew        "Y" → "N"  (by the portal itself)

    3. Misspell a field: a portal ignores it and still answers success

       asked    update_crm_item {"entityTypeId":2,"id":351,"fields":{"titel":"Acme: spring order"}}
       caught   UNKNOWN_FIELD: `fields.titel` is not a field of deal
                did you mean `title`?
                written: no, retry: after_fix

    4. Name a stage that the pipeline does not have: the portal drops it, and answers success

       asked    update_crm_item {"entityTypeId":2,"id":351,"fields":{"title":"Acme: service contract",
                "stageId":"C9:NEGOTIATION"}}
       changed  title        "Service contract" → "Acme: service contract"
       caught   PARTLY_APPLIED: the portal answered success but did not apply `stageId`
                "C9:NEGOTIATION" was not applied: stageId is "C9:UC_NYL06U" (not_in_pipeline)
                there are "Request" (C9:NEW), "Agreed" (C9:UC_NYL06U), "Approved by legal"
                (C9:UC_LEGAL), "Served" (C9:WON), "Declined" (C9:LOSE)
                written: yes, retry: after_fix

    5. Hand forty deals over and move them on: the first call shows it, the second one does it

       asked    update_crm_items {"entityTypeId":2,"filter":{"%title":"Deal","stageId":"NEW"},
                "fields":{"assignedById":"Marta Keller","stageId":"PREPARATION"}}
       found    40 of 40 items would change, such as
                1001 "Deal 1"
                assignedById "Sandbox User" (1) → "Marta Keller" (8)
                stageId      "New" (NEW) → "Preparation" (PREPARATION)

       asked    update_crm_items {"entityTypeId":2,"filter":{"%title":"Deal","stageId":"NEW"},
                "fields":{"assignedById":"Marta Keller","stageId":"PREPARATION"},
                "confirm":"40.….0"}
       changed  39 of 40 items
       caught   1 item (1017): REQUIRED_FIELD, opportunity, the portal requires a field that is empty,
                CRM_FIELD_ERROR_REQUIRED

    Next: connect your portal with `bitrix24-crm-mcp setup`, or as README.md says
    "#);
}

#[tokio::test]
async fn the_demonstration_writes_its_changes_to_a_file_for_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let demo = async |arguments: &[&str]| {
        run(program().current_dir(&folder).args(["demo", "--lang", "en", "--card"]).args(arguments))
            .await
    };
    // The same name again is the same file.
    for _ in 0..2 {
        let finished = demo(&[]).await;
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
        let path = folder.path().canonicalize().unwrap().join("bitrix24-change-card.html");
        let told = format!("Written to {}: open it in a browser\n", path.display());
        assert_eq!(finished.stdout, told);
        let page = std::fs::read_to_string(path).unwrap();
        let (_, told) = page.split_once("id=\"told\">").unwrap();
        let told: Value = serde_json::from_str(told.split_once("</script>").unwrap().0).unwrap();
        let calls: Vec<[&Value; 2]> = told["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| [&call["tool"], &call["result"]["isError"]])
            .collect();
        let (one, many) = (&json!("update_crm_item"), &json!("update_crm_items"));
        let (good, bad) = (&json!(false), &json!(true));
        assert_eq!(calls, [[one, good], [one, bad], [one, bad], [many, good], [many, bad]]);
        let rows = &told["calls"][3]["result"]["_meta"]["bitrix24-crm-mcp/card"]["rows"];
        assert_eq!(rows.as_array().map(Vec::len), Some(40));
        // Nothing is loaded from anywhere, and no link leads to the portal, which is gone.
        assert!(!page.contains("src=") && !page.contains("href="));
        assert!(told["card"].as_str().unwrap().contains(r#"data-portal="" data-tools="""#));
    }
    std::fs::write(folder.path().join("notes.html"), "mine").unwrap();
    let refused = demo(&["notes.html"]).await;
    let told = "error: notes.html cannot be written: another file has that name\n";
    assert_eq!((refused.code, &*refused.stderr), (Some(2), told));
    assert_eq!(std::fs::read_to_string(folder.path().join("notes.html")).unwrap(), "mine");
}

#[tokio::test]
async fn the_demonstration_fits_a_window_and_has_no_colours_in_a_pipe() {
    let mut command = program();
    command.arg("demo").env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let finished = run(&mut command).await;
    assert!(!finished.stdout.contains('\x1b'), "{}", finished.stdout);
    for line in finished.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[tokio::test]
async fn help_names_every_command_and_setting() {
    let finished = run(program().arg("--help")).await;
    assert_eq!(finished.code, Some(0));
    assert_snapshot!(finished.stdout, @"
    An MCP server that lets AI assistants change items of a Bitrix24 CRM.

    Without a command it serves MCP on standard input and output, which is how MCP clients start it. The portal's webhook is read from the variable `BITRIX24_WEBHOOK_URL`; try `--sandbox` or the command `demo` without one.

    Usage: bitrix24-crm-mcp [OPTIONS] [COMMAND]

    Commands:
      serve    Serve MCP on standard input and output (the default)
      call     Call one tool and print its answer
      check    Try the settings against the portal, a line for each thing that has to be right
      demo     Show updates on an embedded portal; needs no account
      setup    Connect the MCP clients of this machine: asks for the webhook, tries it, and writes their files
      history  Show the changes that the journal's file records, the newest first
      schema   Print the schemas of the tools and of each entity type's fields
      help     Print this message or the help of the given subcommand(s)

    Options:
          --lang <LANG>
              The language of `check`, `setup` and `demo`, by default that of the locale
              
              [possible values: en, ru]

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Settings:
          --sandbox
              Use the embedded demo portal [env: BITRIX24_SANDBOX]

          --read-only
              Hide and refuse every tool that writes [env: BITRIX24_READ_ONLY]

          --tools <GROUPS>
              Which groups of tools to offer, by default `update,lookup` [env: BITRIX24_TOOLS]

          --entity-types <TYPES>
              Entity types to work on, such as `deal,contact,1268`, by default all [env: BITRIX24_ENTITY_TYPES]

          --portal-url <URL>
              Address of the portal, when calls sign in with an access token [env: BITRIX24_PORTAL_URL]

          --oauth-url <URL>
              Where tokens are renewed, by default https://oauth.bitrix.info/oauth/token/ [env: BITRIX24_OAUTH_URL]

          --token-file <FILE>
              Where the newest tokens are kept [env: BITRIX24_TOKEN_FILE]

          --ca-file <FILE>
              PEM file with certificates to trust besides the system's [env: BITRIX24_CA_FILE]

          --rate <RATE>
              Request limit: `standard`, `enterprise` or `BURST/PER_SECOND` [env: BITRIX24_RATE]

          --connect-timeout <SECONDS>
              Seconds to wait for a connection, by default 5 [env: BITRIX24_CONNECT_TIMEOUT]

          --request-timeout <SECONDS>
              Seconds to wait for one request, by default 30 [env: BITRIX24_REQUEST_TIMEOUT]

          --call-timeout <SECONDS>
              Seconds that a whole call may take, by default 45 [env: BITRIX24_CALL_TIMEOUT]

          --files-dir <DIRS>
              Folders below which files may be uploaded from, split as `PATH` is [env: BITRIX24_FILES_DIR]

          --max-file-mb <MB>
              The largest file to upload in MB, by default 20 [env: BITRIX24_MAX_FILE_MB]

          --max-files <COUNT>
              The most files of one call, by default 20 [env: BITRIX24_MAX_FILES]

          --max-files-mb <MB>
              The largest size of all files of one call in MB, by default 50 [env: BITRIX24_MAX_FILES_MB]

          --journal <FILE>
              File that a record of every change is appended to; without it they are in memory only [env: BITRIX24_JOURNAL]

          --journal-values <WHAT>
              What that file gets: `all`, the default, or `names` of fields without their values [env: BITRIX24_JOURNAL_VALUES]

          --policy <FILE>
              TOML file that says which fields, stages and how many items may be written [env: BITRIX24_POLICY]

          --log <FILTER>
              What to log to standard error, by default `warn`; a library's `trace`, when named, logs customers' data [env: BITRIX24_LOG]
    ");
    let (_, settings) = finished.stdout.split_once("\n\nSettings:\n").unwrap();
    let finished = run(program().args(["call", "--help"])).await;
    assert_eq!(finished.code, Some(0));
    let (of_call, settings_of_call) = finished.stdout.split_once("\n\nSettings:\n").unwrap();
    assert_eq!(settings_of_call, settings);
    assert_snapshot!(of_call, @"
    Call one tool and print its answer

    The answer is JSON on standard output. Exit code: 0 success, 1 the tool answered an error or not everything was done, 2 wrong usage or settings.

    Usage: bitrix24-crm-mcp call [OPTIONS] <TOOL> <JSON>

    Arguments:
      <TOOL>
              The tool, for instance `update_crm_item`

      <JSON>
              The arguments as a JSON object, or `-` to read them from standard input

    Options:
          --confirm
              Show what `update_crm_items` or `undo_crm_update` would change, ask, and do it all, however long it takes

          --lang <LANG>
              The language of `check`, `setup` and `demo`, by default that of the locale
              
              [possible values: en, ru]

      -h, --help
              Print help (see a summary with '-h')
    ");
}

#[tokio::test]
async fn the_version_is_the_packages() {
    let finished = run(program().arg("--version")).await;
    assert_eq!(finished.stdout, concat!("bitrix24-crm-mcp ", env!("CARGO_PKG_VERSION"), "\n"));
}
