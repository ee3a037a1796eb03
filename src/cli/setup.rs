//! `setup`: connects the MCP clients of this machine to a portal. The webhook is stored once, in a file of
//! this program; clients get the file's path.

mod change;
mod claude;
mod clients;
mod diff;
mod document;
mod entry;
mod file;
mod portal;
mod report;
mod told;
mod trial;
mod webhook;

use std::{
    env, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{
    Args,
    builder::styling::{AnsiColor, Style},
};

use self::{
    change::{Change, Step, Wanted},
    clients::{Client, Places, is_passing},
    entry::Start,
    portal::Portal,
    report::passed,
    told::without_a_terminal,
    webhook::Store,
};
use super::{
    complain, exit_code, flags::Flags, language::Language, person::Person, print, screen::Colours,
};
use crate::config::variables::WEBHOOK_URL;

/// What is connected, and how.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Arguments {
    /// Only this client; may be given several times
    #[arg(long = "client", value_name = "NAME")]
    clients: Vec<Client>,
    /// Read the webhook's address from this file and not from the keyboard
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    webhook_file: Option<PathBuf>,
    /// The name of the entry in the clients' files
    #[arg(long, value_name = "NAME", default_value = "bitrix24")]
    name: String,
    /// Show what would be changed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write without asking
    #[arg(long, short)]
    yes: bool,
    /// Go on although something does not work on the portal
    #[arg(long)]
    force: bool,
    /// Take the entry out of the clients' files, and the stored webhook away
    #[arg(long)]
    remove: bool,
}

/// Connects the clients, or takes them off.
pub(super) async fn run(arguments: &Arguments, flags: &Flags, language: Language) -> ExitCode {
    match Setup::new(arguments, flags, language) {
        Ok(mut setup) if arguments.remove => setup.remove(),
        Ok(mut setup) => setup.connect().await,
        Err(problem) => complain(&(problem + "\n")),
    }
}

struct Setup<'a> {
    arguments: &'a Arguments,
    flags: &'a Flags,
    language: Language,
    places: Places,
    store: Store,
    program: String,
    person: Option<Person>,
}

impl<'a> Setup<'a> {
    fn new(arguments: &'a Arguments, flags: &'a Flags, language: Language) -> Result<Self, String> {
        if !is_taken_by_all(&arguments.name) {
            let english = "error: a name has at most 30 Latin letters, digits and `-`, and begins with a letter: \
                           such names work in all clients";
            let russian = "ошибка: в имени не больше 30 латинских букв, цифр и `-`, и начинается оно с буквы: \
                           такие имена подходят всем клиентам";
            return Err(language.text(english, russian).to_owned());
        }
        let no_place = || {
            let english = "error: there is no home folder to write to";
            language.text(english, "ошибка: нет домашней папки, в которую можно писать").to_owned()
        };
        let places = Places::of_this_person().ok_or_else(no_place)?;
        let program = env::current_exe().ok().and_then(|it| it.to_str().map(str::to_owned));
        let program = program.ok_or_else(|| {
            let english = "error: the path of this program cannot be written in a client's file";
            language
                .text(english, "ошибка: путь к программе нельзя записать в файл клиента")
                .to_owned()
        })?;
        if is_passing(Path::new(&program)) && !arguments.remove {
            return Err(language
                .text(
                    "error: this program was started from a cache that is emptied now and then, so clients \
                     would lose it.\nInstall it first: npm install -g bitrix24-crm-mcp\n\
                     Then: bitrix24-crm-mcp setup",
                    "ошибка: программа запущена из кэша, который время от времени очищается, и клиенты её \
                     потеряют.\nСначала установите её: npm install -g bitrix24-crm-mcp\n\
                     Затем: bitrix24-crm-mcp setup",
                )
                .to_owned());
        }
        let person = Person::at_terminal();
        if person.is_none() && !arguments.yes && !arguments.dry_run {
            return Err(without_a_terminal(language));
        }
        let store = Store::new(&places, &arguments.name);
        Ok(Self { arguments, flags, language, places, store, program, person })
    }

    async fn connect(&mut self) -> ExitCode {
        let language = self.language;
        let portal = match self.portal() {
            Ok(portal) => portal,
            Err(problem) => return complain(&(problem + "\n")),
        };
        if !self.works(&portal).await {
            return ExitCode::FAILURE;
        }
        let mut variables: Vec<(String, String)> = self.flags.typed();
        if let Portal::Webhook(_) = portal {
            let file = self.store.file().display().to_string();
            variables.push((format!("{WEBHOOK_URL}_FILE"), file));
        }
        let start = Start { program: self.program.clone(), variables };
        let name = &self.arguments.name;
        let wanted = Wanted { name, start: Some(&start), secret: portal.secret() };
        let (steps, mut is_done) = self.planned(wanted);
        let mut connected = Vec::new();
        let mut changes = Vec::new();
        for (client, step) in steps {
            match step {
                Step::AsItIs(entry) => {
                    passed(client, language.text("is set up already", "уже подключён"));
                    connected.extend(entry.map(|entry| (client, entry)));
                }
                Step::Change(change) => changes.push(change),
            }
        }
        let found_none = connected.is_empty() && changes.is_empty() && is_done;
        let accepted = self.accepted(changes);
        if self.arguments.dry_run {
            if let Portal::Webhook(_) = portal {
                let file = self.store.file().display();
                print(&language.text(
                    format!("The webhook would be stored in `{file}`."),
                    format!("Вебхук был бы сохранён в `{file}`."),
                ));
            }
            print(self.nothing_written());
            return exit_code(is_done);
        }
        let is_needed = found_none || !accepted.is_empty() || !connected.is_empty();
        if let (Portal::Webhook(address), true) = (&portal, is_needed)
            && let Err(problem) = self.kept(address)
        {
            return complain(
                &(problem
                    + "
"),
            );
        }
        for change in &accepted {
            if self.carried_out(change) {
                connected.extend(change.entry.clone().map(|entry| (change.client, entry)));
            } else {
                is_done = false;
            }
        }
        if found_none {
            self.explain_other_clients(&start);
        }
        is_done &= self.tried(&connected);
        if connected.is_empty() {
            if accepted.is_empty() && !found_none {
                print(self.nothing_written());
            }
            return exit_code(is_done);
        }
        print(language.text(
            "\nNext: start a new session in the client, and ask it to find a deal.",
            "\nДальше: начните в клиенте новый сеанс и попросите найти какую-нибудь сделку.",
        ));
        for note in self.notes(&connected) {
            print(&note);
        }
        exit_code(is_done)
    }

    fn remove(&mut self) -> ExitCode {
        let language = self.language;
        let name = &self.arguments.name;
        let wanted = Wanted { name, start: None, secret: None };
        let (steps, mut is_done) = self.planned(wanted);
        let mut changes = Vec::new();
        for (client, step) in steps {
            match step {
                Step::Change(change) => changes.push(change),
                Step::AsItIs(_) => passed(client, language.text("has no entry", "записи нет")),
            }
        }
        let accepted = self.accepted(changes);
        if self.arguments.dry_run {
            print(self.nothing_written());
            return exit_code(is_done);
        }
        for change in &accepted {
            is_done &= self.carried_out(change);
        }
        let is_used = Client::ALL.into_iter().any(|client| self.uses_webhook(client));
        let file = self.store.file().display().to_string();
        match if is_used { Ok(false) } else { self.store.forget() } {
            Ok(true) => print(&language.text(
                format!("✓ the stored webhook `{file}` was deleted"),
                format!("✓ сохранённый вебхук `{file}` удалён"),
            )),
            Ok(false) => {}
            Err(error) => {
                is_done = false;
                print(&language.text(
                    format!("✗ the stored webhook `{file}` cannot be deleted: {}", error.kind()),
                    format!("✗ сохранённый вебхук `{file}` не удаляется: {}", error.kind()),
                ));
            }
        }
        exit_code(is_done)
    }

    /// What each client needs, and whether none is refused.
    fn planned(&self, wanted: Wanted<'_>) -> (Vec<(Client, Step)>, bool) {
        print("");
        let mut steps = Vec::new();
        let mut is_clear = true;
        for client in self.clients() {
            match Step::plan(client, &self.places, wanted) {
                Ok(step) => steps.push((client, step)),
                Err(refusal) => {
                    self.refused(client, &refusal);
                    is_clear = false;
                }
            }
        }
        (steps, is_clear)
    }

    fn clients(&self) -> Vec<Client> {
        let chosen = &self.arguments.clients;
        let wanted = |client: &Client| match chosen.as_slice() {
            [] => client.is_there(&self.places),
            chosen => chosen.contains(client),
        };
        Client::ALL.into_iter().filter(wanted).collect()
    }

    /// Shows each change; those that a person agrees to.
    fn accepted(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let (asks, name) = (!self.arguments.yes && !self.arguments.dry_run, &self.arguments.name);
        let language = self.language;
        let colours = Colours::wanted();
        let mut accepted = Vec::new();
        for change in changes {
            let title = format!("{}: {}", change.client.title(), change.file.path.display());
            print(&colours.styled(&title, Style::new().bold()));
            for line in change.diff().lines() {
                let colour = match line.chars().next() {
                    Some('+') => AnsiColor::Green,
                    Some('-') => AnsiColor::Red,
                    _ => AnsiColor::BrightBlack,
                };
                print(&colours.styled(line, colour.on_default()));
            }
            for command in change.shown_commands(name) {
                print(&language.text(
                    format!("using: claude {command}"),
                    format!("будет выполнена команда: claude {command}"),
                ));
            }
            let question = language.text("Change it?", "Изменить?");
            let agrees =
                !asks || self.person.as_mut().is_some_and(|person| person.says_yes(question));
            print("");
            if agrees {
                accepted.push(change);
            }
        }
        accepted
    }

    fn carried_out(&self, change: &Change) -> bool {
        let language = self.language;
        match change.carry_out(&self.arguments.name) {
            Ok(kept) => {
                let done = match change.entry {
                    Some(_) => language.text("is set up", "подключён"),
                    None => language.text("the entry was taken out", "запись удалена"),
                };
                let kept = kept.map(|kept| {
                    language.text(
                        format!("; the previous file is kept as `{}`", kept.display()),
                        format!("; прежний файл сохранён как `{}`", kept.display()),
                    )
                });
                passed(change.client, &format!("{done}{}", kept.unwrap_or_default()));
                true
            }
            Err(refusal) => {
                self.refused(change.client, &refusal);
                false
            }
        }
    }

    /// Whether a client's file names the stored webhook, also in an entry of another name, or may do so.
    fn uses_webhook(&self, client: Client) -> bool {
        let file = client.file(&self.places);
        let name = self.store.file().file_name().unwrap_or_default().to_string_lossy().into_owned();
        match std::fs::read(&file) {
            Ok(text) => String::from_utf8_lossy(&text).contains(&name),
            // A link that leads nowhere may lead to a disk that is not there now.
            Err(error) => error.kind() != io::ErrorKind::NotFound || file.is_symlink(),
        }
    }
}

/// Whether all clients take the name of an entry; some put it before the names of tools, which are bounded.
fn is_taken_by_all(name: &str) -> bool {
    name.len() <= 30
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
