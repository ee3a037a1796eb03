//! The remarks of a call for many items: each once, and no more than a person reads.

/// More are not told.
const MAX_NOTES: usize = 8;

/// Different remarks, in order.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    pub(super) fn new(first: Option<String>) -> Self {
        Self(first.into_iter().collect())
    }

    pub(super) fn extend(&mut self, notes: impl IntoIterator<Item = String>) {
        for note in notes {
            if self.0.len() < MAX_NOTES && !self.0.contains(&note) {
                self.0.push(note);
            }
        }
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_note_is_told_once_and_not_too_many_are() {
        let mut notes = Notes::new(Some("0".to_owned()));
        notes.extend(["a", "b", "a"].map(str::to_owned));
        notes.extend((0..20).map(|number| number.to_string()));
        assert_eq!(notes.into_vec(), ["0", "a", "b", "1", "2", "3", "4", "5"]);
    }
}
