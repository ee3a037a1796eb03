//! Writes the completions of shells and the manual pages below a folder: `cargo run --example extras -- DIR`.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use bitrix24_crm_mcp::cli::Cli;
use clap::CommandFactory;
use clap_complete::Shell;

const NAME: &str = env!("CARGO_PKG_NAME");

const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Fish, Shell::PowerShell, Shell::Zsh];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or("name a folder")?;
    let completions = folder.join("completions");
    let manual = folder.join("man");
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&manual)?;
    let mut command = Cli::command();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, NAME, &completions)?;
    }
    mend_bash(&completions.join(format!("{NAME}.bash")))?;
    // The pages of `help` would say nothing.
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &manual)?;
    Ok(())
}

/// `clap_complete` 4.6 spells the hyphens of a program's name in two ways, so that nothing behind a command is
/// completed.
fn mend_bash(file: &Path) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let one_way = NAME.replace('-', "__");
    Ok(fs::write(file, text.replace(&NAME.replace('-', "__subcmd__"), &one_way))?)
}
