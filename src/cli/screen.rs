//! Colours, where there is a screen that shows them.

use std::{
    env,
    io::{IsTerminal, stdout},
};

use clap::builder::styling::Style;

/// Whether texts are coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours(bool);

impl Colours {
    /// Colours at a terminal that can show them, unless a person does not want them.
    pub(super) fn wanted() -> Self {
        let is_unwanted = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        // Old consoles of Windows, which set no `TERM`, would show the codes themselves.
        let can_show = env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
        Self(can_show && !is_unwanted && stdout().is_terminal())
    }

    pub(super) fn styled(self, text: &str, style: Style) -> String {
        if self.0 && !text.trim().is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}
