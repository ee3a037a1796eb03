//! The names of what codes stand for, as far as they are known, and one batch that asks for those
//! that are not. A name is a help and no promise: where it cannot be had, the code stands alone.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout},
};

use super::{
    Fields, Metadata, list,
    people::people_in,
    questions::{Grouped, Question},
    read_pipelines,
};
use crate::{
    crm::{
        EntityType, EntityTypes, Item, ItemRef, Naming,
        field_list::FieldList,
        names,
        reference::{Referent, referents},
        stage,
    },
    portal::{BatchAnswer, Deadline, Permit},
};

/// People and clients are seldom renamed.
const TTL: Duration = Duration::from_secs(600);
/// How long nothing is asked again that has brought no name.
const ASKED_FOR: Duration = Duration::from_secs(60);
/// How long a batch of lists may take before each is fetched on its own.
const LISTS_WITHIN: Duration = Duration::from_secs(5);
/// More names are forgotten together.
const MAX_NAMES: usize = 5_000;

/// What is known of a field in an answer: its title where it is a custom one, and the names of its
/// codes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FieldNames {
    /// What people call the field.
    pub title: Option<String>,
    /// Codes and their names.
    pub names: Vec<(String, String)>,
}

/// The names of users and items, and what was asked without success.
#[derive(Debug, Default)]
pub(super) struct KnownNames {
    answers: Mutex<HashMap<Question, (Instant, Option<String>)>>,
    /// One batch at a time: calls at once mostly ask for the same.
    turn: AsyncMutex<()>,
}

impl KnownNames {
    fn answers(&self) -> MutexGuard<'_, HashMap<Question, (Instant, Option<String>)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, question: Question) -> Option<String> {
        let (at, name) = self.answers().get(&question)?.clone();
        name.filter(|_| at.elapsed() < TTL)
    }

    fn was_asked(&self, question: Question) -> bool {
        self.answers().get(&question).is_some_and(|(at, _)| at.elapsed() < ASKED_FOR)
    }

    fn remember(&self, question: Question, name: Option<String>) {
        let mut answers = self.answers();
        if answers.len() >= MAX_NAMES {
            answers.clear();
        }
        answers.insert(question, (Instant::now(), name));
    }
}

impl Metadata {
    /// What is known of a field and its value.
    pub fn field_names(
        &self,
        entity: EntityType,
        naming: Naming,
        field: &str,
        value: &Value,
    ) -> FieldNames {
        let list = self.field_lists.peek(&entity);
        let fields = Fields { entity, naming, item: None, list: list.as_deref() };
        let described = fields.describe(field.to_owned());
        let title = described.listed.filter(|_| names::is_custom(field));
        let title = title.map(|listed| listed.title.clone()).filter(|title| !title.is_empty());
        let directory = described.directory(entity);
        let found = referents(field, described.shape.kind, directory, value);
        let names = found.into_iter().filter_map(|(code, referent)| {
            let name = match &referent {
                Referent::Choice(id) => {
                    let options = &described.listed?.options;
                    options.iter().find(|(option, _)| option == id)?.1.clone()
                }
                referent => self.name_of(entity, referent)?,
            };
            (!name.is_empty()).then_some((code, name))
        });
        FieldNames { title, names: names.collect() }
    }

    /// The name of what a code stands for, if it is known.
    fn name_of(&self, entity: EntityType, referent: &Referent) -> Option<String> {
        let entry = |directory: &str, code: &str| {
            let directories = self.directories.peek(&())?;
            let entries = directories.get(directory).iter();
            entries.clone().find(|entry| entry.code == code).map(|entry| entry.name.clone())
        };
        match referent {
            Referent::Stage(code) => {
                let pipeline = stage::pipeline(entity, code).ok()?.unwrap_or(0);
                entry(&stage::directory(entity, pipeline)?, code)
            }
            Referent::Entry { directory, code } => entry(directory, code),
            Referent::Pipeline(id) => {
                let pipelines = self.pipelines.peek(&entity)?;
                pipelines.iter().find(|pipeline| pipeline.id == *id).map(|it| it.name.clone())
            }
            Referent::Choice(_) => None,
            Referent::User(id) => self.known_names.name(Question::User(*id)),
            Referent::Item(item) => self.known_names.name(Question::Item(*item)),
        }
    }

    /// What has to be asked in order to name the codes in these fields, among the entity types
    /// that may be read.
    pub fn open_questions<'a>(
        &self,
        entity: EntityType,
        naming: Naming,
        types: &EntityTypes,
        fields: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> BTreeSet<Question> {
        let list = self.field_lists.peek(&entity);
        let known = Fields { entity, naming, item: None, list: list.as_deref() };
        let mut questions = BTreeSet::new();
        for (field, value) in fields.filter(|(_, value)| !value.is_null()) {
            let described = known.describe(field.to_owned());
            if described.row.is_none() && names::is_custom(field) {
                questions.insert(Question::Fields(entity));
            }
            let directory = described.directory(entity);
            let found = referents(field, described.shape.kind, directory, value);
            questions.extend(found.into_iter().filter_map(|(_, referent)| match referent {
                Referent::Stage(_) | Referent::Entry { .. } => Some(Question::Directories),
                Referent::Pipeline(_) => Some(Question::Pipelines(entity)),
                Referent::Choice(_) => None,
                Referent::User(id) => Some(Question::User(id)),
                Referent::Item(item) => types.contains(item.entity).then_some(Question::Item(item)),
            }));
        }
        questions.retain(|question| self.is_open(*question));
        questions
    }

    fn is_open(&self, question: Question) -> bool {
        let is_known = match question {
            Question::Directories => self.directories.peek(&()).is_some(),
            Question::Pipelines(entity) => self.pipelines.peek(&entity).is_some(),
            Question::Fields(entity) => self.field_lists.peek(&entity).is_some(),
            Question::User(_) | Question::Item(_) => self.known_names.name(question).is_some(),
        };
        !is_known && !self.known_names.was_asked(question)
    }

    /// Asks in one batch what is still open, as soon as no other batch for names is under way. A
    /// permit is taken only when there is something to ask.
    async fn learn(
        &self,
        mut questions: BTreeSet<Question>,
        permit: impl AsyncFnOnce(&Self) -> Option<Permit>,
        deadline: &Deadline,
    ) {
        if questions.is_empty() || !self.portal.has_batches() {
            return;
        }
        let Ok(_turn) = deadline.wait(self.known_names.turn.lock()).await else { return };
        questions.retain(|question| self.is_open(*question));
        let questions = Grouped::of(&questions);
        if questions.all().next().is_none() {
            return;
        }
        let Some(permit) = permit(self).await else { return };
        let answer = self.portal.batch(permit, &questions.commands(), deadline).await;
        for question in questions.all() {
            self.known_names.remember(question, None);
        }
        match answer {
            Ok(answer) => self.keep(&questions, answer, deadline).await,
            Err(error) => tracing::debug!(%error, "names could not be read"),
        }
    }

    /// The same by the usual queue for requests.
    async fn learn_in_turn(&self, questions: BTreeSet<Question>, deadline: &Deadline) {
        let permit = async |metadata: &Self| metadata.portal.permit(deadline).await.ok();
        self.learn(questions, permit, deadline).await;
    }

    /// The same with what of the request limit others leave.
    pub async fn learn_by_the_way(&self, questions: BTreeSet<Question>, deadline: &Deadline) {
        self.learn(questions, async |metadata: &Self| metadata.portal.spare_permit(), deadline)
            .await;
    }

    /// The same for an answer that waits so long and no longer: what comes later is known to the next
    /// call.
    pub async fn learn_within(
        &self,
        patience: Duration,
        questions: BTreeSet<Question>,
        deadline: &Deadline,
    ) {
        if !questions.is_empty() {
            let (metadata, deadline) = (self.clone(), deadline.clone());
            let asking =
                tokio::spawn(async move { metadata.learn_in_turn(questions, &deadline).await });
            let _ = timeout(patience, asking).await;
        }
    }

    /// Fetches in one batch what is not cached of an entity type's fields, pipelines and
    /// directories. What it does not bring in time is fetched on its own when it is needed.
    pub async fn learn_lists(&self, entity: EntityType, deadline: &Deadline) {
        let mut lists = BTreeSet::from([Question::Directories, Question::Fields(entity)]);
        if stage::has_pipelines(entity) {
            lists.insert(Question::Pipelines(entity));
        }
        lists.retain(|list| self.is_open(*list));
        if lists.len() > 1 {
            let _ = timeout(LISTS_WITHIN, Box::pin(self.learn_in_turn(lists, deadline))).await;
        }
    }

    async fn keep(&self, questions: &Grouped, mut answer: BatchAnswer, deadline: &Deadline) {
        for asked in &questions.lists {
            let Ok(read) = answer.take(&asked.key()) else { continue };
            match asked {
                Question::Directories => {
                    if let Ok(read) = self.read_directories(Some(read), deadline).await {
                        self.directories.put((), read);
                    }
                }
                Question::Pipelines(entity) => {
                    self.pipelines.put(*entity, read_pipelines(&read.result));
                }
                Question::Fields(entity) => {
                    if let Some(read) = FieldList::read(&read.result) {
                        self.field_lists.put(*entity, read);
                    }
                }
                Question::User(_) | Question::Item(_) => {}
            }
        }
        for id in &questions.users {
            let question = Question::User(*id);
            let Ok(read) = answer.take(&question.key()) else { continue };
            let person = people_in(&read.result).find(|person| person.id == *id);
            let name = person.map(|it| if it.name.is_empty() { it.email } else { it.name });
            self.known_names.remember(question, name.filter(|it| !it.is_empty()));
        }
        for entity in questions.items.keys().copied() {
            let key = Question::Item(ItemRef { entity, id: 0 }).key();
            let Ok(read) = answer.take(&key) else { continue };
            let items = list(read.result.get("items")).filter_map(Value::as_object);
            for item in items.cloned().map(Item::from) {
                let Some(id) = item.id() else { continue };
                let question = Question::Item(ItemRef { entity, id });
                self.known_names.remember(question, item.called());
            }
        }
    }
}
