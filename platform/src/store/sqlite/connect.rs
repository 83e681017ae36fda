//! Opening connections.

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{ffi::OsString, path::Path, time::Duration};

/// How many prepared statements a connection keeps: all that there are.
const STATEMENTS: usize = 256;
/// How long the log becomes before it is emptied into the file, in pages of 4 KB: where there is room, and SQLite's own
/// number where there is little. A longer one is emptied less often, and what was written twice meanwhile only once.
const LOG_PAGES: u32 = 8000;
const FEW_LOG_PAGES: u32 = 1000;
const MUCH_ROOM: u64 = 1024 * 1024 * 1024;
/// How long the log stays once it was longer, in bytes.
const LOG_LIMIT: u64 = 32 * 1024 * 1024;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read and write.
    Write,
    /// Read.
    Read,
}

/// Opens a file that is there, and changes nothing in it.
pub(super) fn connect(file: &Path, mode: Mode, patience: Duration) -> rusqlite::Result<Connection> {
    // A connection that only reads must still be able to write the index of the log, which readers share.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(patience)?;
    // No plan depends on a value. Without this, a statement is prepared again for each other value, where an index is partial
    // (<https://sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigenableqpsg>).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if mode == Mode::Read {
        connection.execute_batch("pragma query_only = on")?;
    }
    Ok(connection)
}

/// Makes a connection one that a server writes by, on a disk with so many free bytes, where that is known.
pub(super) fn prepare_to_write(connection: &Connection, free: Option<u64>) -> rusqlite::Result<()> {
    // It tells the mode that it has come to.
    connection.query_row("pragma journal_mode = wal", (), |_| Ok(()))?;
    connection.execute_batch(
        "
        -- An acknowledged write survives a power cut; grouped commits make it affordable.
        pragma synchronous = full;
        pragma foreign_keys = on;
        -- What a statement may have to undo stays in memory: a file for it could not be made where the disk is full or no
        -- file descriptor is left, and would lie outside of the database's folder.
        pragma temp_store = memory;
        -- What is deleted is overwritten, in pages that stay and in pages that become free.
        pragma secure_delete = on;
        ",
    )?;
    let pages = if free.is_some_and(|free| free > MUCH_ROOM) { LOG_PAGES } else { FEW_LOG_PAGES };
    connection.query_row(&format!("pragma wal_autocheckpoint = {pages}"), (), |_| Ok(()))?;
    // After a long reading the log is longer than it needs to be; it is cut when it starts over. Both tell their value.
    connection.query_row(&format!("pragma journal_size_limit = {LOG_LIMIT}"), (), |_| Ok(()))
}

/// Opens the file as immutable (<https://sqlite.org/uri.html#uriimmutable>): without its log and without any lock.
pub(super) fn connect_to_immutable(file: &Path) -> rusqlite::Result<Connection> {
    // The characters that mean something in such a name (<https://sqlite.org/uri.html>).
    let name = file.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let mut uri = OsString::from("file:");
    // An empty authority, since what follows two slashes is one.
    uri.push(if name.starts_with('/') { "//" } else { "" });
    uri.push(name);
    uri.push("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(Path::new(&uri), flags)
}
