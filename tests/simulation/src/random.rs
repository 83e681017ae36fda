//! The one source of chance: a seeded generator, and the platform's randomness made of it.

use crate::split_mix::SplitMix64;
use sentiance_platform::random::Randomness;
use std::sync::{Arc, Mutex, PoisonError};

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// The stream of that name of a seed. Different streams have nothing in common.
    pub(crate) fn stream(seed: u64, name: u64) -> Self {
        let mut seeds = SplitMix64(seed ^ name.wrapping_mul(0xd134_2543_de82_ef95));
        Random(SplitMix64(seeds.next()))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Whether something happens that happens in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of the choices.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of the choices, each as likely as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> T {
        let sum = choices.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(sum);
        for (weight, choice) in choices {
            if at < *weight {
                return *choice;
            }
            at -= weight;
        }
        choices[0].1
    }
}

/// The platform's source of secrets and ids. Clones draw from one stream, which each process of a seed starts anew.
#[derive(Clone, Debug)]
pub(crate) struct SeededRandomness(Arc<Mutex<Random>>);

impl SeededRandomness {
    pub(crate) fn new() -> Self {
        SeededRandomness(Arc::new(Mutex::new(Random::stream(0, 0))))
    }

    pub(crate) fn restart(&self, random: Random) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = random;
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&random.next().to_be_bytes()[..part.len()]);
        }
    }
}
