//! The MCP clients that `setup` knows: where each keeps its servers, under which key, and in what form
//! (docs/clients.md).

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use crate::cli::language::Language;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    #[value(name = "vscode")]
    VsCode,
    Codex,
    Gemini,
    Windsurf,
    Zed,
}

/// How a client writes its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON, or JSON with comments.
    Json,
    Toml,
}

/// The systems whose folders differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    MacOs,
    Windows,
}

/// Where programs keep their files for one person.
#[derive(Debug, Clone)]
pub(super) struct Places {
    system: System,
    home: PathBuf,
    /// Settings of programs that follow the system's custom.
    config: PathBuf,
    /// Claude Code's and Codex's own folders, where variables name them.
    claude: Option<PathBuf>,
    codex: Option<PathBuf>,
    /// Where programs are looked for.
    path: Vec<PathBuf>,
}

impl Places {
    /// Those of whoever runs this program; `None` without a home folder.
    pub(super) fn of_this_person() -> Option<Self> {
        let folder =
            |name: &str| Some(PathBuf::from(env::var_os(name)?)).filter(|it| it.is_absolute());
        let home = env::home_dir().filter(|home| home.is_absolute())?;
        let (system, config) = if cfg!(windows) {
            (System::Windows, folder("APPDATA")?)
        } else if cfg!(target_os = "macos") {
            (System::MacOs, home.join("Library/Application Support"))
        } else {
            let config = folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
            (System::Linux, config)
        };
        let path = env::var_os("PATH").map(|path| env::split_paths(&path).collect());
        Some(Self {
            system,
            home,
            config,
            claude: folder("CLAUDE_CONFIG_DIR"),
            codex: folder("CODEX_HOME"),
            path: path.unwrap_or_default(),
        })
    }

    /// The folder for what this program stores.
    pub(super) fn of_this_program(&self) -> PathBuf {
        self.config.join(env!("CARGO_PKG_NAME"))
    }

    /// A program in the search path.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let endings: &[&str] =
            if self.system == System::Windows { &["exe", "cmd", "bat"] } else { &[""] };
        let candidates = self.path.iter().flat_map(|folder| {
            endings.iter().map(move |ending| folder.join(name).with_extension(ending))
        });
        candidates.into_iter().find(|file| is_program(file))
    }
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// Whether a path is one of a cache from which `npx` and its like run programs.
pub(super) fn is_passing(program: &Path) -> bool {
    program.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "_npx" || part == "dlx" || part.starts_with("dlx-") || part.starts_with("bunx-")
    })
}

impl Client {
    pub(super) const ALL: [Self; 8] = [
        Self::ClaudeCode,
        Self::ClaudeDesktop,
        Self::Cursor,
        Self::VsCode,
        Self::Codex,
        Self::Gemini,
        Self::Windsurf,
        Self::Zed,
    ];

    /// What people call it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
        }
    }

    /// What it is called behind `--client`.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default()
    }

    /// The file with its servers, for all of a person's projects.
    pub(super) fn file(self, places: &Places) -> PathBuf {
        let Places { system, home, config, claude, codex, .. } = places;
        match self {
            Self::ClaudeCode => claude.as_ref().unwrap_or(home).join(".claude.json"),
            Self::ClaudeDesktop => config.join("Claude/claude_desktop_config.json"),
            Self::Cursor => home.join(".cursor/mcp.json"),
            Self::VsCode => config.join("Code/User/mcp.json"),
            Self::Codex => codex.clone().unwrap_or_else(|| home.join(".codex")).join("config.toml"),
            Self::Gemini => home.join(".gemini/settings.json"),
            Self::Windsurf => home.join(".codeium/windsurf/mcp_config.json"),
            // Zed uses ~/.config on macOS too.
            Self::Zed if *system == System::MacOs => home.join(".config/zed/settings.json"),
            Self::Zed if *system == System::Windows => config.join("Zed/settings.json"),
            Self::Zed => config.join("zed/settings.json"),
        }
    }

    pub(super) fn form(self) -> Form {
        if self == Self::Codex { Form::Toml } else { Form::Json }
    }

    /// The key that the servers stand under.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::VsCode => "servers",
            Self::Codex => "mcp_servers",
            Self::Zed => "context_servers",
            _ => "mcpServers",
        }
    }

    /// Whether an entry says that its server is started as a program.
    pub(super) fn names_transport(self) -> bool {
        matches!(self, Self::ClaudeCode | Self::Cursor | Self::VsCode)
    }

    /// What a person has to do in it besides.
    pub(super) fn hint(self, language: Language) -> Option<&'static str> {
        match self {
            Self::ClaudeDesktop => Some(language.text(
                "Claude Desktop: quit it and start it again; closing its window is not enough.",
                "Claude Desktop: завершите программу и запустите снова, закрыть окно недостаточно.",
            )),
            Self::Gemini => Some(language.text(
                "Gemini CLI: in folders that you have not trusted there, all servers are disabled.",
                "Gemini CLI: в папках, которые вы в нём не отметили как доверенные, все серверы отключены.",
            )),
            _ => None,
        }
    }

    /// Whether this person has it: its program, its file, or the folder that it makes itself.
    pub(super) fn is_there(self, places: &Places) -> bool {
        let program = match self {
            Self::ClaudeCode => Some("claude"),
            Self::ClaudeDesktop => None,
            Self::Cursor => Some("cursor"),
            Self::VsCode => Some("code"),
            Self::Codex => Some("codex"),
            Self::Gemini => Some("gemini"),
            Self::Windsurf => Some("windsurf"),
            Self::Zed => Some("zed"),
        };
        let file = self.file(places);
        let own_folder = match self {
            // The file lies in the home folder itself.
            Self::ClaudeCode => Some(places.home.join(".claude")),
            // `Code/User` may not be there before the first start.
            Self::VsCode => file.ancestors().nth(2).map(Path::to_owned),
            _ => file.parent().map(Path::to_owned),
        };
        program.is_some_and(|program| places.program(program).is_some())
            || file.symlink_metadata().is_ok()
            || own_folder.is_some_and(|folder| folder.is_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(system: System, config: &str) -> Places {
        let config = PathBuf::from("/home/ann").join(config);
        Places { system, home: "/home/ann".into(), config, claude: None, codex: None, path: vec![] }
    }

    /// The files, as each client documents them.
    #[test]
    fn each_system_has_its_files() {
        let linux = places(System::Linux, ".config");
        let mac = places(System::MacOs, "Library/Application Support");
        let windows = places(System::Windows, "AppData/Roaming");
        #[rustfmt::skip] // a table: one client, one line
        let expected = [
            (Client::ClaudeCode, [".claude.json"; 3]),
            (Client::ClaudeDesktop, [
                ".config/Claude/claude_desktop_config.json",
                "Library/Application Support/Claude/claude_desktop_config.json",
                "AppData/Roaming/Claude/claude_desktop_config.json",
            ]),
            (Client::Cursor, [".cursor/mcp.json"; 3]),
            (Client::VsCode, [
                ".config/Code/User/mcp.json",
                "Library/Application Support/Code/User/mcp.json",
                "AppData/Roaming/Code/User/mcp.json",
            ]),
            (Client::Codex, [".codex/config.toml"; 3]),
            (Client::Gemini, [".gemini/settings.json"; 3]),
            (Client::Windsurf, [".codeium/windsurf/mcp_config.json"; 3]),
            (Client::Zed, [
                ".config/zed/settings.json", ".config/zed/settings.json", "AppData/Roaming/Zed/settings.json",
            ]),
        ];
        assert_eq!(expected.map(|(client, _)| client), Client::ALL);
        for (client, files) in expected {
            for (places, file) in [&linux, &mac, &windows].into_iter().zip(files) {
                assert_eq!(client.file(places), Path::new("/home/ann").join(file), "{client:?}");
            }
        }
    }

    #[test]
    fn own_folders_are_followed() {
        let folder = Some(PathBuf::from("/elsewhere"));
        let places =
            Places { claude: folder.clone(), codex: folder, ..places(System::Linux, ".config") };
        assert_eq!(Client::ClaudeCode.file(&places), Path::new("/elsewhere/.claude.json"));
        assert_eq!(Client::Codex.file(&places), Path::new("/elsewhere/config.toml"));
    }
}
