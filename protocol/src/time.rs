//! Points in time on the wire.

use crate::{Field, Sink, Source};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch, by the clock of whoever wrote it.
///
/// A float inside, since no 64-bit integer may cross the WebAssembly boundary (it would become a `BigInt`, which
/// `wasm2js` cannot take); always a whole number on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct EpochMs(pub f64);

impl EpochMs {
    /// The span from `earlier` to this point, in milliseconds; negative where `earlier` is later.
    pub fn since(self, earlier: EpochMs) -> f64 {
        self.0 - earlier.0
    }

    /// This point moved by `ms` milliseconds.
    pub fn plus(self, ms: f64) -> EpochMs {
        EpochMs(self.0 + ms)
    }
}

impl Serialize for EpochMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `as` saturates, and every time of this protocol is far inside the 53 bits that a float holds exactly.
        serializer.serialize_i64(self.0 as i64)
    }
}

impl<'de> Deserialize<'de> for EpochMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(EpochMs)
    }
}

impl Field for EpochMs {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        EpochMs(Field::read_field(source, key))
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_number(key, self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::EpochMs;

    #[test]
    fn a_time_is_a_whole_number_on_the_wire() {
        let json = serde_json::to_string(&EpochMs(1_700_000_000_123.0)).unwrap();
        assert_eq!(json, "1700000000123");
        assert_eq!(serde_json::from_str::<EpochMs>(&json).unwrap(), EpochMs(1_700_000_000_123.0));
    }
}
