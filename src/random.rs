//! Texts that nobody can guess, for names of files and the secret of the embedded portal.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Thirty-two characters, from the keys that the system gives to each hasher.
pub fn text() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_texts_are_the_same() {
        let texts: std::collections::BTreeSet<String> = (0..100).map(|_| text()).collect();
        assert_eq!(texts.len(), 100);
        assert!(texts.iter().all(|text| text.len() == 32));
    }
}
