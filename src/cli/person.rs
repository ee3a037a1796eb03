//! Asks a person at the terminal.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Write},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Where a terminal is opened when standard input is something else.
const TERMINAL: &str = if cfg!(windows) { "CONIN$" } else { "/dev/tty" };

/// Somebody who reads standard error and can answer.
pub(super) struct Person {
    answers: Box<dyn BufRead + Send>,
}

impl Person {
    /// The person at the terminal, if there is one.
    pub(super) fn at_terminal() -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let answers: Box<dyn BufRead + Send> = if io::stdin().is_terminal() {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(File::open(TERMINAL).ok()?))
        };
        Some(Self { answers })
    }

    /// Tells them something.
    pub(super) fn tell(text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Asks; an interruption is a no. Who agrees can be asked again.
    pub(super) async fn agrees(
        self,
        question: String,
        interrupted: &CancellationToken,
    ) -> Option<Self> {
        let (sender, answer) = oneshot::channel();
        // Nothing ends a read of standard input, so the process must not wait for this thread.
        std::thread::spawn(move || {
            let Self { mut answers } = self;
            // Not locked, because whoever interrupts the question is told something.
            let agrees = agrees(&question, &mut answers, &mut io::stderr());
            let _ = sender.send(agrees.then_some(Self { answers }));
        });
        tokio::select! {
            answered = answer => answered.ok().flatten(),
            () = interrupted.cancelled() => None,
        }
    }

    /// Asks a question that nothing else goes on beside.
    #[cfg(feature = "setup")]
    pub(super) fn says_yes(&mut self, question: &str) -> bool {
        agrees(question, &mut self.answers, &mut io::stderr())
    }
}

fn agrees(question: &str, answers: &mut dyn BufRead, output: &mut dyn Write) -> bool {
    let asked = write!(output, "{question} [y/N] ").and_then(|()| output.flush());
    let mut line = String::new();
    let read = asked.and_then(|()| answers.read_line(&mut line));
    read.is_ok() && ["y", "yes", "д", "да"].contains(&line.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::agrees;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, is_yes) in [
            ("y\n", true),
            ("Yes\r\n", true),
            (" y \nn\n", true),
            ("Да\n", true),
            ("n\n", false),
            ("\n", false),
            ("", false),
            ("yes, but\n", false),
        ] {
            let mut output = Vec::new();
            let agreed = agrees("Change 3 items?", &mut answer.as_bytes(), &mut output);
            assert_eq!(agreed, is_yes, "{answer:?}");
            assert_eq!(output, b"Change 3 items? [y/N] ");
        }
    }
}
