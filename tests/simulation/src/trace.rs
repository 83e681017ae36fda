//! What happened, as a number by which two runs are compared, and in words where somebody wants to read it.

use crate::step::Step;

pub(crate) struct Trace {
    hash: u64,
    words: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(keeps_words: bool) -> Self {
        Trace { hash: 0xcbf2_9ce4_8422_2325, words: keeps_words.then(Vec::new) }
    }

    pub(crate) fn step(&mut self, step: Step) {
        if let Some(words) = &mut self.words {
            words.push(step.to_string());
        }
    }

    /// Something that came of a step.
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        let what = what();
        self.add_bytes(what.as_bytes());
        if let Some(words) = &mut self.words {
            words.push(format!("    {what}"));
        }
    }

    pub(crate) fn add(&mut self, number: u64) {
        self.add_bytes(&number.to_be_bytes());
    }

    /// FNV-1a.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.hash = bytes
            .iter()
            .fold(self.hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_words(self) -> Vec<String> {
        self.words.unwrap_or_default()
    }
}
