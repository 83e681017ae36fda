//! Which platforms serve a database.

/// Of the platforms that serve a database, how many there are, and which one is this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// How many there are, with this one.
    pub replicas: u32,
    /// Whether this one does what one does for all.
    pub is_first: bool,
}

impl Attendance {
    /// The only one.
    pub const ALONE: Attendance = Attendance { replicas: 1, is_first: true };
}
