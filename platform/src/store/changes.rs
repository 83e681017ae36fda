//! What was recorded, for those who act on it.

use crate::model::Change;

/// What was recorded since the last time, by whichever process.
#[derive(Debug)]
pub enum News {
    /// All of it, or the first part.
    Of(Vec<Change>),
    /// The database may have lost its newest events, as a standby that was behind when it took over: anything may have
    /// changed.
    OfAll,
}

/// How many changes are read at once.
pub(super) const AT_ONCE: u32 = 256;
