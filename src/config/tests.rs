//! How settings are read.

use std::time::Duration;

use super::{
    variables::{ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, PORTAL_URL, REFRESH_TOKEN},
    *,
};
use crate::crm::{EntityType, EntityTypes};

fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<(String, String)>> {
    Settings::read(|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
    .map_err(|unusable| {
        let problems = unusable.problems.into_iter();
        problems.map(|problem| (problem.path, problem.message)).collect()
    })
}

const WEBHOOK: (&str, &str) = (WEBHOOK_URL, "https://acme.example/rest/1/s3cret/");

#[test]
fn nothing_set_is_no_portal_and_the_standard_pace() {
    let settings = read(&[(RATE, " "), (WEBHOOK_URL, "")]).unwrap();
    assert!(matches!(settings.portal, PortalChoice::Missing));
    assert_eq!(settings.rate, Rate::STANDARD);
    assert_eq!(settings.timeouts, Timeouts::STANDARD);
    assert_eq!(settings.selection, ToolSelection::default());
}

#[test]
fn values_are_read_by_their_grammar() {
    let settings = read(&[
        WEBHOOK,
        (READ_ONLY, "Yes"),
        (TOOLS, " Lookup,"),
        (ENTITY_TYPES, "deals, 1268"),
        (RATE, "250/5"),
        (CALL_TIMEOUT, "12.5"),
        (LOG, "warn,bitrix24_crm_mcp=debug"),
    ])
    .unwrap();
    assert!(matches!(settings.portal, PortalChoice::Real(_)));
    assert!(settings.selection.read_only && settings.selection.groups == [Group::Lookup]);
    let types = [EntityType::new(2), EntityType::new(1268)];
    assert_eq!(settings.selection.types, EntityTypes::only(types.to_vec()));
    assert_eq!(settings.rate, Rate::ENTERPRISE);
    assert_eq!(settings.timeouts.call, Duration::from_millis(12_500));
}

#[test]
fn the_journal_is_a_file_in_a_folder_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for (values, expected) in [
        ("", journal::Values::All),
        ("all", journal::Values::All),
        ("1", journal::Values::All),
        ("Names", journal::Values::Names),
        ("0", journal::Values::Names),
    ] {
        let file = path("journal.jsonl");
        let settings = read(&[(JOURNAL, &file), (JOURNAL_VALUES, values)]).unwrap();
        let file = PathBuf::from(file);
        assert!(settings.files.secrets.contains(&file));
        assert_eq!(settings.journal, journal::Settings { file: Some(file), values: expected });
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(path("journal.jsonl"), path("link.jsonl")).unwrap();
    for (file, wrong) in [
        (path(""), "a folder"),
        (path("missing/journal.jsonl"), "in a folder that exists"),
        ("journal.jsonl".to_owned(), "absolute"),
        #[cfg(unix)]
        (path("link.jsonl"), "a link"),
    ] {
        let problems = read(&[(JOURNAL, &file)]).unwrap_err();
        assert!(problems[0].0 == JOURNAL && problems[0].1.contains(wrong), "{problems:?}");
    }
}

#[test]
fn an_option_that_the_host_left_unset_is_unset() {
    const UNSET: &str = "${user_config.of_a_bundle}";
    const WRONG: &str = "holds the placeholder `${user_config.of_a_bundle}`: its option is not set in the MCP \
        client";
    let options = [
        READ_ONLY,
        TOOLS,
        ENTITY_TYPES,
        RATE,
        CONNECT_TIMEOUT,
        REQUEST_TIMEOUT,
        CALL_TIMEOUT,
        FILES_DIR,
        MAX_FILE_MB,
        MAX_FILES,
        MAX_FILES_MB,
        JOURNAL,
        JOURNAL_VALUES,
        POLICY,
        LOG,
        CA_FILE,
        TOKEN_FILE,
        "BITRIX24_WEBHOOK_URL_FILE",
        PORTAL_URL,
        ACCESS_TOKEN,
        REFRESH_TOKEN,
        SANDBOX,
    ];
    let unset = options.map(|name| (name, UNSET));
    let settings = read(&[[WEBHOOK].as_slice(), &unset].concat()).unwrap();
    assert!(matches!(settings.portal, PortalChoice::Real(_)));
    assert_eq!(settings.selection, ToolSelection::default());
    assert!(settings.policy.is_none() && settings.journal.file.is_none());

    let sandbox = read(&[(WEBHOOK_URL, UNSET), (SANDBOX, "true")]).unwrap();
    assert!(matches!(sandbox.portal, PortalChoice::Sandbox));
    for name in [WEBHOOK_URL, "BITRIX24_WEBHOOK_URL_FILE", ACCESS_TOKEN] {
        let problems = read(&[(name, UNSET), (READ_ONLY, UNSET)]).unwrap_err();
        assert_eq!(problems, [(name.to_owned(), WRONG.to_owned())]);
    }
    assert!(matches!(read(&[(READ_ONLY, UNSET)]).unwrap().portal, PortalChoice::Missing));
    for kept in ["${user_config.a}/b", "${user_config.a}${user_config.b}", "${READ_ONLY}"] {
        assert_eq!(read(&[WEBHOOK, (READ_ONLY, kept)]).unwrap_err()[0].0, READ_ONLY, "{kept}");
    }
}

#[test]
fn contradictions_are_errors() {
    let portal = (PORTAL_URL, "https://acme.example");
    let token = (ACCESS_TOKEN, "t0ken");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[WEBHOOK, portal], PORTAL_URL),
        (&[WEBHOOK, token], ACCESS_TOKEN),
        (&[portal], ACCESS_TOKEN),
        (&[token], PORTAL_URL),
        (&[WEBHOOK, (SANDBOX, "1")], WEBHOOK_URL),
        (&[portal, token, (REFRESH_TOKEN, "r"), (CLIENT_ID, "c")], CLIENT_SECRET),
        (&[WEBHOOK, ("BITRIX24_WEBHOOK_URL_FILE", "x")], "BITRIX24_WEBHOOK_URL_FILE"),
        (&[(WEBHOOK_URL, "https://acme.example/rest/s3cret/")], WEBHOOK_URL),
    ];
    for (variables, blamed) in cases {
        let problems = read(variables).unwrap_err();
        assert_eq!(problems.len(), 1, "{variables:?}");
        assert_eq!(problems[0].0, blamed, "{variables:?}");
        assert!(!problems[0].1.contains("s3cret"));
    }
}

#[test]
fn every_malformed_value_is_named() {
    let problems = read(&[
        (TOOLS, "update,delete"),
        (READ_ONLY, "maybe"),
        (ENTITY_TYPES, "deal,order"),
        (RATE, "fast"),
        (CONNECT_TIMEOUT, "0"),
        (REQUEST_TIMEOUT, "-1"),
        (CALL_TIMEOUT, "inf"),
        (LOG, "=="),
        (FILES_DIR, "relative/folder"),
        (MAX_FILE_MB, "0"),
        (JOURNAL, "journal.jsonl"),
        (JOURNAL_VALUES, "some"),
        (SANDBOX, "2"),
    ])
    .unwrap_err();
    let blamed: Vec<&str> = problems.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        blamed,
        [
            TOOLS,
            READ_ONLY,
            ENTITY_TYPES,
            RATE,
            CONNECT_TIMEOUT,
            REQUEST_TIMEOUT,
            CALL_TIMEOUT,
            FILES_DIR,
            MAX_FILE_MB,
            JOURNAL,
            JOURNAL_VALUES,
            LOG,
            SANDBOX
        ]
    );
}
