//! Rows become records here. A value that no record can hold is an error that names table and column.

use crate::{
    clock::Timestamp,
    model::{
        Actor, ApiKeyRecord, ApiKeyState, AppId, Application, AuditEvent, Change, ClockWatch, CodeUse,
        DeletedUser, Detection, DetectionContent, DetectionId, EndReason, ExpiredSession, ExternalId,
        Install, InstallId, InstallStatus, KeyId, PairState, Redemption, Session, StoredDetection, Trace,
        User, UserId, UserState,
    },
    secret::Hashed,
    store::StoreError,
};
use sentiance_protocol::{AppInfo, DetectionType, DeviceClass, DeviceClassSource, DeviceInfo, SdkInfo};
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};
use sqlx::{Decode, Row, Sqlite, Type, sqlite::SqliteRow};

type Read<T> = Result<T, StoreError>;

/// A row of a table.
pub(super) struct Reader<'r> {
    table: &'static str,
    row: &'r SqliteRow,
}

impl<'r> Reader<'r> {
    pub(super) fn of(table: &'static str, row: &'r SqliteRow) -> Self {
        Reader { table, row }
    }

    fn impossible<T>(&self, column: &'static str) -> Read<T> {
        Err(StoreError::Inconsistent { table: self.table, column })
    }

    pub(super) fn get<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, column: &'static str) -> Read<T> {
        self.row.try_get(column).or_else(|_| self.impossible(column))
    }

    pub(super) fn parse<T>(&self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
        parse(self.get(column)?).map_or_else(|| self.impossible(column), Ok)
    }

    fn parse_if_set<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        let text = self.get::<Option<&str>>(column)?;
        text.map(|text| parse(text).map_or_else(|| self.impossible(column), Ok)).transpose()
    }

    /// A text that is kept as its UTF-8.
    pub(super) fn utf8(&self, column: &'static str) -> Read<String> {
        String::from_utf8(self.get(column)?).or_else(|_| self.impossible(column))
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Read<T> {
        serde_json::from_str(self.get(column)?).or_else(|_| self.impossible(column))
    }

    fn time(&self, column: &'static str) -> Read<Timestamp> {
        self.get(column).map(Timestamp)
    }

    fn time_if_set(&self, column: &'static str) -> Read<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp))
    }

    pub(super) fn count(&self, column: &'static str) -> Read<u32> {
        u32::try_from(self.get::<i64>(column)?).or_else(|_| self.impossible(column))
    }

    /// A number of bytes. What was stored before it was counted may be taken off, so fewer than none are none.
    pub(super) fn bytes(&self, column: &'static str) -> Read<u64> {
        Ok(u64::try_from(self.get::<i64>(column)?).unwrap_or_default())
    }

    pub(super) fn hash<K>(&self, column: &'static str) -> Read<Hashed<K>> {
        Hashed::from_bytes(self.get(column)?).map_or_else(|| self.impossible(column), Ok)
    }

    pub(super) fn app_id(&self) -> Read<AppId> {
        self.parse("app_id", AppId::parse)
    }

    pub(super) fn external_id(&self) -> Read<ExternalId> {
        self.parse("external_id", |text| ExternalId::parse(text.to_owned()))
    }

    fn external_id_if_set(&self) -> Read<Option<ExternalId>> {
        self.parse_if_set("external_id", |text| ExternalId::parse(text.to_owned()))
    }

    pub(super) fn device_class(&self) -> Read<DeviceClass> {
        self.parse("device_class", by_wire_name)
    }

    fn user_state(&self) -> Read<UserState> {
        Ok(self.time_if_set("disabled_at")?.map_or(UserState::Enabled, UserState::Disabled))
    }

    fn install_status(&self, column: &'static str) -> Read<InstallStatus> {
        let reason = match self.get::<Option<&str>>("end_reason")? {
            None => None,
            Some("reset") => Some(EndReason::Reset),
            Some("token_reuse") => Some(EndReason::TokenReuse),
            Some("expired") => Some(EndReason::Expired),
            Some(_) => return self.impossible("end_reason"),
        };
        match (self.get(column)?, reason) {
            ("active", None) => Ok(InstallStatus::Active),
            ("inactive", None) => Ok(InstallStatus::Inactive),
            ("ended", Some(reason)) => Ok(InstallStatus::Ended(reason)),
            _ => self.impossible(column),
        }
    }
}

/// An enum of the protocol by its name on the wire, which is also the one in the database.
fn by_wire_name<T: DeserializeOwned>(name: &str) -> Option<T> {
    let name: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// A record that is read from a row of one kind of statement.
pub(super) trait FromRow: Sized {
    fn from_row(row: &SqliteRow) -> Read<Self>;
}

impl FromRow for Application {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("applications", row);
        Ok(Application {
            app_id: row.app_id()?,
            name: row.get("name")?,
            created_at: row.time("created_at")?,
            user_linking: row.get("user_linking")?,
        })
    }
}

impl FromRow for ApiKeyRecord {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("api_keys", row);
        Ok(ApiKeyRecord {
            app_id: row.app_id()?,
            key_id: row.parse("key_id", KeyId::parse)?,
            name: row.get("name")?,
            scopes: row.parse("scopes", |names| names.split(' ').map(|name| name.parse().ok()).collect())?,
            hint: row.get("hint")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
            state: row.time_if_set("revoked_at")?.map_or(ApiKeyState::Valid, ApiKeyState::Revoked),
        })
    }
}

impl FromRow for User {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("users", row);
        Ok(User {
            app_id: row.app_id()?,
            user_id: row.parse("user_id", UserId::parse)?,
            external_id: row.external_id_if_set()?,
            state: row.user_state()?,
            created_at: row.time("created_at")?,
        })
    }
}

impl FromRow for DeletedUser {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("users", row);
        Ok(DeletedUser {
            app_id: row.app_id()?,
            user_id: row.parse("user_id", UserId::parse)?,
            external_id: row.external_id_if_set()?,
            deleted_at: row.time("deleted_at")?,
        })
    }
}

impl FromRow for Redemption {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("authentication_codes", row);
        Ok(Redemption {
            app_id: row.app_id()?,
            install_id: row.parse("install_id", InstallId::parse)?,
            idempotency_key: row.hash("idempotency_key")?,
            generation: row.count("generation")?,
            created_user: row.get("created_user")?,
        })
    }
}

impl FromRow for Install {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("installs", row);
        Ok(Install {
            app_id: row.app_id()?,
            install_id: row.parse("install_id", InstallId::parse)?,
            user_id: row.parse("user_id", UserId::parse)?,
            status: row.install_status("status")?,
            awaits_link: row.get("awaits_link")?,
            family: row.hash("family")?,
            generation: row.count("generation")?,
            app: AppInfo {
                name: row.get("app_name")?,
                version: row.get("app_version")?,
                origin: row.get("app_origin")?,
            },
            device: DeviceInfo {
                class: row.device_class()?,
                class_source: row.parse("device_class_source", by_wire_name::<DeviceClassSource>)?,
                os: row.get("os")?,
                os_version: row.get("os_version")?,
                model: row.get("model")?,
                language: row.get("language")?,
                time_zone: row.get("time_zone")?,
            },
            sdk: SdkInfo { version: row.get("sdk_version")?, runtime: row.get("sdk_runtime")? },
            created_at: row.time("created_at")?,
        })
    }
}

impl FromRow for StoredDetection {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("detections", row);
        let content = match row.parse("kind", DetectionType::parse)? {
            DetectionType::Position => DetectionContent::Position(row.json("content")?),
            DetectionType::Motion => DetectionContent::Motion(row.json("content")?),
            DetectionType::Trip => DetectionContent::Trip(row.json("content")?),
        };
        let detection_id = row.parse("detection_id", DetectionId::parse)?;
        Ok(StoredDetection {
            install_id: row.parse("install_id", InstallId::parse)?,
            detection: Detection { detection_id, time: row.time("time")?, content },
        })
    }
}

impl FromRow for Session {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("token_pairs", row);
        let pair_state = match row.get("pair_status")? {
            "current" => PairState::Current,
            "exchanged" => PairState::Exchanged(row.hash("idempotency_key")?),
            "superseded" => PairState::Superseded,
            _ => return row.impossible("status"),
        };
        Ok(Session {
            app_id: row.app_id()?,
            user_id: row.parse("user_id", UserId::parse)?,
            user_state: row.user_state()?,
            is_linked: row.get("is_linked")?,
            family: row.hash("family")?,
            install_id: row.parse("install_id", InstallId::parse)?,
            install_status: row.install_status("install_status")?,
            newest_generation: row.count("newest_generation")?,
            generation: row.count("generation")?,
            pair_state,
            used: row.time_if_set("first_used_at")?.is_some(),
            access_expires_at: row.time("access_expires_at")?,
            refresh_expires_at: row.time("refresh_expires_at")?,
        })
    }
}

impl FromRow for ExpiredSession {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("installs", row);
        Ok(ExpiredSession {
            app_id: row.app_id()?,
            install_id: row.parse("install_id", InstallId::parse)?,
            user_id: row.parse("user_id", UserId::parse)?,
            is_known: row.get("is_known")?,
        })
    }
}

impl FromRow for CodeUse {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("authentication_codes", row);
        Ok(CodeUse {
            app_id: row.app_id()?,
            external_id: row.external_id()?,
            install_id: row.parse_if_set("install_id", InstallId::parse)?,
        })
    }
}

impl FromRow for ClockWatch {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("clock_watch", row);
        Ok(ClockWatch {
            trusted_at: row.time("trusted_at")?,
            seen_at: row.time("seen_at")?,
            doubted_since: row.time_if_set("doubted_since")?,
        })
    }
}

impl FromRow for AuditEvent {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("audit_events", row);
        let actor = match row.get("actor")? {
            "install" => Actor::Install(row.parse("actor_id", InstallId::parse)?),
            "api_key" => Actor::ApiKey(row.parse("actor_id", KeyId::parse)?),
            "operator" => Actor::Operator,
            "platform" => Actor::Platform,
            "unknown" => Actor::Unknown,
            _ => return row.impossible("actor"),
        };
        let trace = Trace {
            address: row.parse_if_set("address", |text| text.parse().ok())?,
            request: row.get("request")?,
        };
        Ok(AuditEvent {
            app_id: row.app_id()?,
            kind: row.parse("kind", |name| name.parse().ok())?,
            user_id: row.parse_if_set("user_id", UserId::parse)?,
            install_id: row.parse_if_set("install_id", InstallId::parse)?,
            key_id: row.parse_if_set("key_id", KeyId::parse)?,
            actor,
            trace,
            occurred_at: row.time("occurred_at")?,
        })
    }
}

impl FromRow for Change {
    fn from_row(row: &SqliteRow) -> Read<Self> {
        let row = Reader::of("audit_events", row);
        Ok(Change {
            seq: row.get("seq")?,
            app_id: row.app_id()?,
            user_id: row.parse_if_set("user_id", UserId::parse)?,
            install_id: row.parse_if_set("install_id", InstallId::parse)?,
        })
    }
}

/// The record in an optional row.
pub(super) fn optional<T: FromRow>(row: Option<SqliteRow>) -> Read<Option<T>> {
    row.as_ref().map(T::from_row).transpose()
}

/// The record in a row.
pub(super) fn one<T: FromRow>(row: &SqliteRow) -> Read<T> {
    T::from_row(row)
}

/// The records in a list of rows.
pub(super) fn all<T: FromRow>(rows: Vec<SqliteRow>) -> Read<Vec<T>> {
    rows.iter().map(T::from_row).collect()
}
