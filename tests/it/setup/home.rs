//! A home folder of a person with some clients.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Stdio,
};

use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::support::{Finished, PATIENCE, program};

pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.0.path().join("bin")).unwrap();
        home
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a link from the second name to the first.
    pub(super) fn link(&self, to: &str, name: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(self.0.path().join(to), path).unwrap();
    }

    pub(super) fn is_link(&self, name: &str) -> bool {
        self.0.path().join(name).symlink_metadata().unwrap().is_symlink()
    }

    pub(super) fn protect(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.path().join(name), Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn mode(&self, name: &str) -> u32 {
        self.0.path().join(name).metadata().unwrap().permissions().mode() & 0o777
    }

    /// Puts a shell script into the search path.
    pub(super) fn install(&self, name: &str, script: &str) {
        let file = format!("bin/{name}");
        self.write(&file, &format!("#!/bin/sh\n{script}\n"));
        self.protect(&file, 0o755);
    }

    /// Every file but programs, by its name below the home folder.
    pub(super) fn files(&self) -> BTreeMap<String, String> {
        fn below(folder: &Path, home: &Path, found: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.symlink_metadata().unwrap().is_symlink() {
                    continue;
                }
                if path.is_dir() {
                    below(&path, home, found);
                } else {
                    let name = path.strip_prefix(home).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        below(self.0.path(), self.0.path(), &mut found);
        found.retain(|name, _| !name.starts_with("bin/"));
        found
    }

    /// Its programs alone are in the search path: what this machine has is not this person's.
    pub(super) fn variables(&self) -> [(&'static str, String); 3] {
        [("HOME", self.path("")), ("PATH", self.path("bin")), ("LC_ALL", "C".to_owned())]
    }

    pub(super) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).env_clear().envs(self.variables());
        command
    }

    /// Runs the program with a text in its standard input.
    pub(super) async fn fed(&self, arguments: &[&str], input: &str) -> Finished {
        let mut command = self.program(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that ends before it reads is no fault of the test.
        let _ = child.stdin.take().unwrap().write_all(format!("{input}\n").as_bytes()).await;
        let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a run told, with its exit code; what differs from run to run taken out.
    pub(super) fn told(&self, finished: &Finished) -> String {
        let Finished { code, stdout, stderr } = finished;
        self.plain(&format!("{stdout}{stderr}code {}", code.unwrap()))
    }

    /// The text of a file; what differs from run to run taken out.
    pub(super) fn shown(&self, name: &str) -> String {
        self.plain(&fs::read_to_string(self.path(name)).unwrap())
    }

    fn plain(&self, text: &str) -> String {
        let home = self.0.path().canonicalize().unwrap();
        let text = text
            .replace(self.0.path().to_str().unwrap(), "~")
            .replace(home.to_str().unwrap(), "~")
            .replace(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"), "/bin/bitrix24-crm-mcp");
        let words = text.split_inclusive(['`', '\n']).map(|part| {
            let is_kept = part.contains(".bak");
            match part.find(".20").filter(|_| is_kept) {
                Some(time) => format!("{}.TIME.bak`", &part[..time]),
                None => match part.find("127.0.0.1:") {
                    Some(port) => format!("{}127.0.0.1\n", &part[..port]),
                    None => part.to_owned(),
                },
            }
        });
        words.collect()
    }
}
