//! Which files may be sent, as tables.

use super::*;

fn policy(folders: &[&Path]) -> Policy {
    let folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
    Policy { folders, max_bytes: 1024, ..Policy::STANDARD }
}

fn write(path: PathBuf, content: &str) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test]
async fn only_plain_files_below_a_folder_are_opened() {
    let inside = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let at = |name: &str| inside.path().join(name);
    let good = write(at("offers/good.txt"), "hello");
    let secret = write(outside.path().join("secret.txt"), "hello");
    let own_secret = write(at("webhook.txt"), "hello");
    std::os::unix::fs::symlink(&good, at("link-in.txt")).unwrap();
    std::os::unix::fs::symlink(&secret, at("link-out.txt")).unwrap();
    std::os::unix::fs::symlink(outside.path(), at("folder-out")).unwrap();
    std::fs::hard_link(write(at("twice.txt"), "hello"), at("again.txt")).unwrap();
    let pipe = at("pipe.txt");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    let policy = Policy {
        secrets: vec![own_secret.clone()],
        ..policy(&[Path::new("/nowhere"), inside.path()])
    };
    let upload = Upload::open(&good, None, &policy).unwrap();
    assert_eq!(upload.wire().await.unwrap(), json!(["good.txt", "aGVsbG8="]));
    assert_eq!(upload.refusal().await, None);
    let through = at("offers").join("..").join("offers").join("good.txt");
    assert!(Upload::open(&through, Some("other.txt"), &policy).is_ok());

    let hostile = [
        secret,
        own_secret,
        at("link-in.txt"),
        at("link-out.txt"),
        at("folder-out/secret.txt"),
        at("twice.txt"),
        at("again.txt"),
        pipe,
        at("..").join(outside.path().file_name().unwrap()).join("secret.txt"),
        inside.path().to_path_buf(),
        at("missing.txt"),
        PathBuf::from("/dev/zero"),
        PathBuf::from("good.txt"),
        write(at("empty.txt"), ""),
        write(at("large.txt"), &"x".repeat(1025)),
        write(at(".env"), "hello"),
        write(at(".ssh/config"), "hello"),
        write(at("keys/id_ed25519"), "hello"),
        write(at("keys/store.P12"), "hello"),
    ];
    for path in hostile {
        assert!(Upload::open(&path, None, &policy).is_err(), "{}", path.display());
    }
}

#[tokio::test]
async fn keys_are_known_by_how_they_begin() {
    let inside = tempfile::tempdir().unwrap();
    let cases = [
        ("a.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nx", true),
        ("b.pem", "# mine\n-----BEGIN RSA PRIVATE KEY-----\nx", true),
        ("c.txt", "PuTTY-User-Key-File-3: ssh-ed25519", true),
        ("d.pem", "-----BEGIN CERTIFICATE-----\nx", false),
        ("e.txt", "the PRIVATE KEY of success", false),
    ];
    for (name, content, is_key) in cases {
        let path = write(inside.path().join(name), content);
        let upload = Upload::open(&path, None, &policy(&[inside.path()])).unwrap();
        assert_eq!(upload.refusal().await.is_some(), is_key, "{name}");
    }
}

#[test]
fn names_are_what_portals_can_take() {
    let long = "x".repeat(256);
    for name in ["", " ", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", "a\u{202e}fdp.exe", &long] {
        assert!(checked_name(name).is_err(), "{name:?}");
    }
    for name in ["a.txt", " a.txt ", "договор (1).pdf", "…"] {
        assert_eq!(checked_name(name), Ok(name.trim().to_owned()));
    }
}

#[test]
fn a_call_sends_a_bounded_number_of_bytes() {
    let upload = Upload::text("a", "YWFh", &Policy::STANDARD, &mut Vec::new()).unwrap();
    let policy = Policy { max_files: 2, max_total_bytes: 5, ..Policy::STANDARD };
    let problem = |count: usize| policy.problem_with(std::iter::repeat_n(&upload, count));
    assert_eq!(problem(1), None);
    assert!(problem(2).unwrap().contains("6 bytes"));
    assert!(problem(3).unwrap().contains("3 files"));
}
