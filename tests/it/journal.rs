//! The journal's file: what is in it, what becomes of it among several writers, on a full disk, when
//! it is renamed, and when a writer is killed in the midst of a line.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    thread,
};

use bitrix24_crm_mcp::{
    crm::{EntityType, ItemRef, Kind},
    error::{Failure, Written},
    journal::{
        Begin, ByItem, Change, ClientName, End, History, Journal, NewChange, Settings, Unavailable,
        Values, Wanted, Whose, read,
    },
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const DEAL: EntityType = EntityType::new(2);

fn journal_in(file: &Path, values: Values) -> Journal {
    journal_at("acme.example", file, values)
}

fn journal_at(portal: &str, file: &Path, values: Values) -> Journal {
    let settings = Settings { file: Some(file.to_owned()), values };
    let whose = Whose { portal: portal.to_owned(), user: Some("7".to_owned()) };
    Journal::new(settings, whose, |value| {
        if let Value::String(text) = value {
            *text = text.replace("s3cret", "***");
        }
    })
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    (folder, file)
}

fn fields(ids: &[u64], fields: &Value) -> ByItem {
    let fields: Map<String, Value> = serde_json::from_value(fields.clone()).unwrap();
    ids.iter().map(|id| (*id, fields.clone())).collect()
}

/// A deal that is renamed.
fn begin(ids: &[u64]) -> Begin {
    Begin {
        entity: DEAL,
        ids: ids.to_vec(),
        called: ids.iter().map(|id| (*id, format!("Deal {id}"))).collect(),
        kinds: [("title".to_owned(), Kind::Text)].into(),
        before: fields(ids, &json!({"title": "Acme"})),
        request: fields(ids, &json!({"title": "Acme GmbH"})),
    }
}

fn end(ids: &[u64]) -> End {
    let after = fields(ids, &json!({"title": "Acme GmbH"}));
    End { after, requests: 2, ..End::new("updated", Written::Yes) }
}

fn record(journal: &Journal, ids: &[u64]) -> NewChange {
    let client = ClientName { name: "tests".to_owned(), version: "1.0".to_owned() };
    let change = journal.new_change("update_crm_item", Some(client));
    journal.begin(&change, begin(ids)).unwrap().end(end(ids)).unwrap();
    change
}

fn all(file: &Path) -> History {
    read(file, &Wanted::default()).unwrap()
}

fn ids(history: &History) -> Vec<String> {
    history.changes.iter().map(|change| change.id.to_string()).collect()
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A line without what differs from run to run.
fn comparable(mut line: Value) -> Value {
    for varying in ["time", "run", "change", "ms"] {
        let member = line.get_mut(varying);
        if let Some(member) = member {
            *member = json!("…");
        }
    }
    line
}

#[test]
fn a_change_is_two_lines_and_is_read_back_as_it_was() {
    let (_folder, file) = folder();
    let journal = journal_in(&file, Values::All);
    assert!(!file.exists());
    let change = record(&journal, &[351]);
    let written: Vec<Value> = lines(&file).into_iter().map(comparable).collect();
    assert_eq!(
        written,
        [
            json!({
                "v": 1, "record": "begin", "time": "…", "seq": 1, "change": "…", "part": 1, "run": "…",
                "tool": "update_crm_item", "client": {"name": "tests", "version": "1.0"},
                "portal": "acme.example", "user": "7", "entityTypeId": 2, "ids": [351],
                "called": {"351": "Deal 351"}, "kinds": {"title": "text"},
                "before": {"351": {"title": "Acme"}}, "request": {"351": {"title": "Acme GmbH"}},
            }),
            json!({
                "v": 1, "record": "end", "time": "…", "run": "…", "seq": 2, "change": "…", "of": 1,
                "outcome": "updated", "written": "yes", "after": {"351": {"title": "Acme GmbH"}},
                "requests": 2, "ms": "…",
            }),
        ]
    );
    assert_eq!(lines(&file)[0]["change"], json!(change.id.to_string()));
    assert_eq!(all(&file).changes, [journal.last_change().unwrap()]);

    // Another process finds it, and one that works at another portal does not.
    let later = journal_in(&file, Values::All);
    assert_eq!(later.change(&change.id).unwrap(), journal.last_change());
    assert_eq!(later.last_change(), None);
    let item = ItemRef { entity: DEAL, id: 351 };
    assert_eq!(later.changes_of(item, 10).unwrap(), all(&file));
    let elsewhere = journal_at("other.example", &file, Values::All);
    assert_eq!(elsewhere.change(&change.id).unwrap(), None);
    assert_eq!(elsewhere.changes_of(item, 10).unwrap().changes, []);
}

#[test]
fn memory_and_file_together_have_no_doubles() {
    let (_folder, file) = folder();
    let earlier = journal_in(&file, Values::All);
    let old = record(&earlier, &[351]);
    let journal = journal_in(&file, Values::All);
    let many = journal.new_change("update_crm_items", None);
    for chunk in [[1, 351], [2, 3]] {
        journal.begin(&many, begin(&chunk)).unwrap().end(end(&chunk)).unwrap();
    }
    record(&journal, &[352]);
    let item = ItemRef { entity: DEAL, id: 351 };
    let history = journal.changes_of(item, 10).unwrap();
    assert_eq!(ids(&history), [many.id.to_string(), old.id.to_string()]);
    let whole = &history.changes[0];
    assert_eq!(whole.items().map(|(_, id)| id).collect::<Vec<_>>(), [1, 2, 3, 351]);
    assert!(whole.is_complete());
    assert_eq!(ids(&journal.changes_of(item, 1).unwrap()), [many.id.to_string()]);
    assert_eq!(read(&file, &Wanted { item: Some(item), ..Wanted::default() }).unwrap(), history);
}

#[test]
fn what_memory_has_forgotten_of_a_change_comes_from_the_file() {
    let (_folder, file) = folder();
    let journal = journal_in(&file, Values::All);
    let first = record(&journal, &[1]);
    for _ in 0..200 {
        record(&journal, &[2]);
    }
    journal.begin(&first, begin(&[3])).unwrap().end(end(&[3])).unwrap();
    let change = journal.change(&first.id).unwrap().unwrap();
    assert!(change.is_complete());
    assert_eq!(change.items().map(|(_, id)| id).collect::<Vec<_>>(), [1, 3]);

    fs::remove_file(&file).unwrap();
    let rest = journal.change(&first.id).unwrap().unwrap();
    assert!(!rest.is_complete() && !rest.has_all_parts());
}

#[test]
fn several_writers_share_a_file() {
    let (_folder, file) = folder();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let file = file.clone();
            thread::spawn(move || {
                // As processes do, each opens the file by itself.
                let journal = journal_in(&file, Values::All);
                (0..100).map(|id| record(&journal, &[id]).id.to_string()).collect::<Vec<_>>()
            })
        })
        .collect();
    let made: BTreeSet<String> = writers.into_iter().flat_map(|it| it.join().unwrap()).collect();
    let history = all(&file);
    assert_eq!(history.unreadable, 0);
    assert!(history.changes.iter().all(Change::is_complete));
    assert_eq!(ids(&history).into_iter().collect::<BTreeSet<_>>(), made);
    // Each writer numbers its lines without gaps.
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in lines(&file) {
        let run = line["run"].as_str().unwrap().to_owned();
        numbers.entry(run).or_default().push(line["seq"].as_u64().unwrap());
    }
    assert_eq!(numbers.len(), 4);
    assert!(numbers.into_values().all(|it| it == (1..=200).collect::<Vec<_>>()));
}

#[test]
fn a_line_that_was_torn_is_ended_and_counted() {
    let (_folder, file) = folder();
    let before = record(&journal_in(&file, Values::All), &[351]);
    let whole = fs::read(&file).unwrap();
    let torn = [whole.as_slice(), br#"{"v":1,"record":"begin","ti"#].concat();
    fs::write(&file, &torn).unwrap();
    assert_eq!(all(&file).unreadable, 1);

    let after = record(&journal_in(&file, Values::All), &[352]);
    let history = all(&file);
    assert_eq!(ids(&history), [after.id.to_string(), before.id.to_string()]);
    assert_eq!(history.unreadable, 1);
    assert!(fs::read(&file).unwrap().starts_with(&[torn.as_slice(), b"\n{"].concat()));
}

#[test]
fn lines_that_are_no_records_are_counted_and_skipped() {
    let (_folder, file) = folder();
    let change = record(&journal_in(&file, Values::All), &[351]);
    let mut text = fs::read(&file).unwrap();
    let later = String::from_utf8(text.clone()).unwrap().replace("\"v\":1", "\"v\":2");
    text.extend_from_slice(later.as_bytes());
    text.extend_from_slice(b"\n  \n\xff\xfe\n[]\n{}\n\"begin\"\n");
    fs::write(&file, text).unwrap();
    let history = all(&file);
    assert_eq!(ids(&history), [change.id.to_string()]);
    assert_eq!(history.unreadable, 6);
    assert!(history.changes[0].is_complete());
}

#[test]
fn a_begin_of_which_no_end_was_written_is_unknown() {
    let (_folder, file) = folder();
    let journal = journal_in(&file, Values::All);
    drop(journal.begin(&journal.new_change("update_crm_item", None), begin(&[351])).unwrap());
    let change = all(&file).changes.remove(0);
    assert_eq!((change.outcome(), change.written()), ("unknown", Written::Unknown));
    assert!(change.is_failed() && !change.is_complete());
}

#[test]
fn a_renamed_or_deleted_file_is_followed_by_a_new_one() {
    let (folder, file) = folder();
    let journal = journal_in(&file, Values::All);
    let first = record(&journal, &[1]);
    let rotated = folder.path().join("journal.jsonl.1");
    fs::rename(&file, &rotated).unwrap();
    let second = record(&journal, &[2]);
    assert_eq!(ids(&all(&rotated)), [first.id.to_string()]);
    assert_eq!(ids(&all(&file)), [second.id.to_string()]);

    fs::remove_file(&file).unwrap();
    let third = record(&journal, &[3]);
    assert_eq!(ids(&all(&file)), [third.id.to_string()]);
}

#[test]
fn without_the_values_there_are_names_of_fields() {
    let (_folder, file) = folder();
    let journal = journal_in(&file, Values::Names);
    let change = journal.new_change("update_crm_item", None);
    let end = End {
        consequences: fields(&[351], &json!({"opportunity": 12})),
        names: [("title".to_owned(), [("a".to_owned(), "A".to_owned())].into())].into(),
        ..end(&[351])
    };
    journal.begin(&change, begin(&[351])).unwrap().end(end).unwrap();
    let written: Vec<Value> = lines(&file).into_iter().map(comparable).collect();
    let nothing = json!({"351": {"title": null}});
    assert_eq!(
        written,
        [
            json!({
                "v": 1, "record": "begin", "time": "…", "seq": 1, "change": "…", "part": 1, "run": "…",
                "tool": "update_crm_item", "portal": "acme.example", "user": "7", "values": "names",
                "entityTypeId": 2, "ids": [351], "kinds": {"title": "text"}, "before": nothing,
                "request": nothing,
            }),
            json!({
                "v": 1, "record": "end", "time": "…", "run": "…", "seq": 2, "change": "…", "of": 1,
                "outcome": "updated", "written": "yes", "after": nothing,
                "consequences": {"351": {"opportunity": null}}, "requests": 2, "ms": "…",
            }),
        ]
    );
    assert!(journal.change(&change.id).unwrap().unwrap().is_complete());
    let item = ItemRef { entity: DEAL, id: 351 };
    assert!(journal.changes_of(item, 10).unwrap().changes[0].is_complete());
    let read = journal_in(&file, Values::All).change(&change.id).unwrap().unwrap();
    assert!(!read.parts[0].has_values && !read.is_complete());
}

#[test]
fn secrets_contents_and_signed_links_are_not_in_it() {
    let (_folder, file) = folder();
    let journal = journal_in(&file, Values::All);
    let content = "JVBERi0xLjQK".repeat(30);
    let held = json!({"ufCrm_1": {"id": 7, "urlMachine": "https://acme.example/rest/1/s3cret/x"}});
    let asked = json!({"ufCrm_1": ["offer.pdf", content], "title": "the s3cret plan"});
    let begin = Begin {
        kinds: [("ufCrm_1".to_owned(), Kind::File)].into(),
        before: fields(&[351], &held),
        request: fields(&[351], &asked),
        called: [(351, "s3cret deal".to_owned())].into(),
        ..begin(&[351])
    };
    let end = End {
        after: fields(
            &[351],
            &json!({"ufCrm_1": {"id": 8, "url": "/x?auth=9"}, "title": "s3cret"}),
        ),
        consequences: fields(&[351], &json!({"comments": "s3cret"})),
        names: [("stageId".to_owned(), [("NEW".to_owned(), "s3cret".to_owned())].into())].into(),
        ..end(&[351])
    };
    let change = journal.new_change("update_crm_item", None);
    journal.begin(&change, begin).unwrap().end(end).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let memory = format!("{:?}", journal.last_change());
    for place in [&text, &memory] {
        for forbidden in ["s3cret", "JVBERi0", "auth=9", "urlMachine"] {
            assert!(!place.contains(forbidden), "{forbidden} is in {place}");
        }
        assert!(place.contains("offer.pdf") && place.contains("the *** plan"));
    }
    assert_eq!(all(&file).changes, [journal.last_change().unwrap()]);
}

/// What became of a change that cannot be recorded.
fn refusal(journal: &Journal) -> Unavailable {
    let refused = journal.begin(&journal.new_change("update_crm_item", None), begin(&[351]));
    let unavailable = refused.err().unwrap();
    assert_eq!(journal.last_change(), None);
    unavailable
}

#[test]
fn a_folder_that_is_missing_or_no_file_refuses_changes() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/journal.jsonl");
    let refused = refusal(&journal_in(&missing, Values::All));
    assert!(refused.to_string().starts_with("cannot be opened: "), "{refused}");
    let refused = refusal(&journal_in(folder.path(), Values::All));
    let failure = serde_json::to_value(Failure::from(refused)).unwrap();
    assert_eq!(
        (&failure["code"], &failure["written"], &failure["retry"]),
        (&json!("JOURNAL_UNAVAILABLE"), &json!("no"), &json!("no"))
    );
    assert!(!failure.to_string().contains(folder.path().to_str().unwrap()));
}

#[test]
fn a_file_that_another_program_locks_is_waited_for_a_while() {
    let (_folder, file) = folder();
    let other = File::create(&file).unwrap();
    other.lock().unwrap();
    let journal = journal_in(&file, Values::All);
    let failure = Failure::from(refusal(&journal));
    assert_eq!(json!(failure.retry), json!("later"));
    other.unlock().unwrap();
    record(&journal, &[351]);
    assert_eq!(all(&file).changes.len(), 1);
}

#[test]
fn an_end_that_cannot_be_written_is_in_memory_all_the_same() {
    let (_folder, file) = folder();
    let journal = journal_in(&file, Values::All);
    let change = journal.new_change("update_crm_item", None);
    let entry = journal.begin(&change, begin(&[351])).unwrap();
    let other = File::open(&file).unwrap();
    other.lock().unwrap();
    assert!(entry.end(end(&[351])).is_err());
    other.unlock().unwrap();
    assert_eq!(journal.change(&change.id).unwrap().unwrap().outcome(), "updated");
    assert_eq!(all(&file).changes[0].outcome(), "unknown");
    // The line that is missing leaves no gap in the numbers.
    record(&journal, &[352]);
    let numbers: Vec<Value> = lines(&file).iter().map(|line| line["seq"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_changes() {
    let refused = refusal(&journal_in(Path::new("/dev/full"), Values::All));
    assert!(refused.to_string().starts_with("cannot be written: "), "{refused}");
    assert_eq!(all(Path::new("/dev/full")), History::default());
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = folder();
    record(&journal_in(&file, Values::All), &[351]);
    let mode = |file: &Path| file.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    // Rights that somebody has given stay.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    record(&journal_in(&file, Values::All), &[351]);
    assert_eq!(mode(&file), 0o640);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was begun and ended, and wherever the file ends: every whole line is read, what was
    /// ended has its end, and the rest is unknown.
    #[test]
    fn a_file_that_ends_anywhere_tells_what_is_known(
        steps in prop::collection::vec((0..4_usize, any::<bool>(), "\\PC{0,8}"), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_folder, file) = folder();
        let journal = journal_in(&file, Values::All);
        let changes: Vec<NewChange> =
            (0..4).map(|_| journal.new_change("update_crm_item", None)).collect();
        // Each line's length, its change, and whether it is an end.
        let mut written = Vec::new();
        let mut length = 0;
        let mut note = |change: &NewChange, is_end| {
            let now = file.metadata().unwrap().len();
            written.push((length..now, change.id.clone(), is_end));
            length = now;
        };
        for (which, has_end, text) in &steps {
            let change = &changes[*which];
            let request = fields(&[351], &json!({"title": text}));
            let entry = journal.begin(change, Begin { request, ..begin(&[351]) }).unwrap();
            note(change, false);
            if *has_end {
                entry.end(end(&[351])).unwrap();
                note(change, true);
            }
        }
        let bytes = fs::read(&file).unwrap();
        let cut = cut.index(bytes.len() + 1);
        File::create(&file).unwrap().write_all(&bytes[..cut]).unwrap();

        let history = all(&file);
        // A line without its line end is whole all the same.
        let is_whole = |line: &std::ops::Range<u64>| line.end - 1 <= cut as u64;
        let is_torn = |line: &std::ops::Range<u64>| line.start < cut as u64 && !is_whole(line);
        prop_assert_eq!(history.unreadable, written.iter().filter(|(it, ..)| is_torn(it)).count());
        for change in &changes {
            let whole = |is_end| written.iter().filter(move |(line, id, it)| {
                *id == change.id && *it == is_end && is_whole(line)
            }).count();
            let found = history.changes.iter().find(|it| it.id == change.id);
            let parts = found.map_or(0, |it| it.parts.len());
            let ends = found.map_or(0, |it| it.parts.iter().filter(|it| it.end.is_some()).count());
            prop_assert_eq!((parts, ends), (whole(false), whole(true)));
            if let Some(found) = found {
                prop_assert_eq!(found.outcome() == "unknown", ends < parts);
                prop_assert_eq!(found.written() == Written::Unknown, ends < parts);
            }
        }
    }
}
