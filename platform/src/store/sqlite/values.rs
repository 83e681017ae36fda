//! Values of the model as SQLite stores them: ids as text, times as integers, hashes as blobs.

use crate::{
    clock::Timestamp,
    model::{AppId, DetectionId, ExternalId, InstallId, KeyId, Origin, UserId},
    secret::Hashed,
};
use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

macro_rules! texts {
    ($( $name:ident: $parse:expr, )+) => { $(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_str()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                $parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )+ };
}

texts! {
    AppId: AppId::parse,
    UserId: UserId::parse,
    KeyId: KeyId::parse,
    InstallId: InstallId::parse,
    DetectionId: DetectionId::parse,
    ExternalId: |text: &str| ExternalId::parse(text.to_owned()),
}

impl ToSql for Origin {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_str()))
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0))
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Timestamp)
    }
}

impl<K> ToSql for Hashed<K> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_bytes()))
    }
}

impl<K> FromSql for Hashed<K> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Hashed::from_bytes(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}
