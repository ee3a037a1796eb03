//! Texts and numbers that nobody can guess, from the system's source of randomness: for names of files, the
//! secret of the embedded portal, and pauses that no two programs share.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};

/// Thirty-two characters.
///
/// # Errors
///
/// When the system gives no randomness.
pub fn text() -> io::Result<String> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// A number from 0 to below 1; 0 when the system gives no randomness.
pub fn fraction() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_texts_are_the_same() {
        let texts: std::collections::BTreeSet<String> = (0..100).map(|_| text().unwrap()).collect();
        assert_eq!(texts.len(), 100);
        assert!(texts.iter().all(|text| text.len() == 32));
    }

    #[test]
    fn fractions_are_below_one_and_differ() {
        let fractions: Vec<f64> = (0..100).map(|_| fraction()).collect();
        assert!(fractions.iter().all(|it| (0.0..1.0).contains(it)));
        assert!(fractions.iter().any(|it| *it > 0.5) && fractions.iter().any(|it| *it < 0.5));
    }
}
