//! Databases of earlier versions: brought up to date, and nothing in them is lost.

mod file;
