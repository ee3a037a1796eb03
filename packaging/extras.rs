//! Writes the completions of shells and the manual pages below a folder: `cargo run --example extras -- DIR`.

use std::{env, error::Error, fs, path::PathBuf};

use bitrix24_crm_mcp::cli::Cli;
use clap::CommandFactory;
use clap_complete::Shell;

const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Fish, Shell::PowerShell, Shell::Zsh];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or("name a folder")?;
    let completions = folder.join("completions");
    let manual = folder.join("man");
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&manual)?;
    let mut command = Cli::command();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, env!("CARGO_PKG_NAME"), &completions)?;
    }
    // Its pages would say nothing.
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &manual)?;
    Ok(())
}
