//! What all engines that speak SQL share: the text of the statements, and the capabilities of a transaction, each of
//! which is written once in terms of them. An engine only knows how to run a statement and to give its rows.

mod api_keys;
mod applications;
mod audit;
mod clock;
mod codes;
mod detections;
mod engine;
mod installs;
mod metadata;
mod rows;
pub(super) mod texts;
mod tokens;
mod users;
pub(super) mod values;

pub(super) use engine::{Ask, Cells, Engine, OneLine, STATEMENTS};
pub(super) use texts::Sql;
pub(super) use values::{Value, values};
