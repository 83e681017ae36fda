//! Rows become records here, column by column in the order of their statement. A value that no record can hold is an
//! error that names table and column.

use super::{Cells, Value, values::FromValue};
use crate::{
    clock::Timestamp,
    model::{
        Actor, ApiKeyRecord, ApiKeyState, AppId, Application, AuditEvent, Change, ClockWatch, CodeUse,
        DeletedUser, Detection, DetectionContent, DetectionKey, EndReason, ExpiredSession, ExternalId,
        Install, InstallId, InstallStatus, PairState, Redemption, Session, StoredDetection, Trace, User,
        UserId, UserState,
    },
    secret::{Hashed, IdempotencyKey},
    store::{StoreError, detections::Block},
};
use sentiance_protocol::{AppInfo, DetectionType, DeviceInfo, SdkInfo};
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};

type Read<T> = Result<T, StoreError>;

/// A row of which one column after the other is taken. By place, since finding each by its name costs as much as
/// reading it; tests, which are built with debug assertions, compare the names.
pub(in crate::store) struct Columns<'r> {
    table: &'static str,
    row: &'r dyn Cells,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(table: &'static str, row: &'r dyn Cells) -> Self {
        Columns { table, row, next: 0 }
    }

    fn impossible<T>(&self, column: &'static str) -> Read<T> {
        Err(StoreError::Inconsistent { table: self.table, column })
    }

    /// The value of the next column, which has this name.
    fn advance(&mut self, column: &'static str) -> Read<Value<'r>> {
        debug_assert_eq!(self.row.name(self.next), column, "{}", self.table);
        self.next += 1;
        self.row.cell(self.next - 1).map_or_else(|| self.impossible(column), Ok)
    }

    pub(in crate::store) fn take<T: FromValue>(&mut self, column: &'static str) -> Read<T> {
        let value = self.advance(column)?;
        T::from_value(value).map_or_else(|| self.impossible(column), Ok)
    }

    pub(super) fn text(&mut self, column: &'static str) -> Read<&'r str> {
        self.text_if_set(column)?.map_or_else(|| self.impossible(column), Ok)
    }

    fn text_if_set(&mut self, column: &'static str) -> Read<Option<&'r str>> {
        match self.advance(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Integer(_) | Value::Bytes(_) => self.impossible(column),
        }
    }

    pub(super) fn parse<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Read<T> {
        parse(self.text(column)?).map_or_else(|| self.impossible(column), Ok)
    }

    /// Text that is kept as its UTF-8.
    pub(super) fn utf8(&mut self, column: &'static str) -> Read<String> {
        String::from_utf8(self.take(column)?).or_else(|_| self.impossible(column))
    }

    fn json<T: DeserializeOwned>(&mut self, column: &'static str) -> Read<T> {
        serde_json::from_str(self.text(column)?).or_else(|_| self.impossible(column))
    }

    /// How long the text at a place is, in bytes.
    pub(super) fn length_at(&self, place: usize) -> usize {
        match self.row.cell(place) {
            Some(Value::Text(text)) => text.len(),
            _ => 0,
        }
    }

    /// A number of bytes. What was stored before it was counted may be taken off, so fewer than none are none.
    pub(super) fn bytes(&mut self, column: &'static str) -> Read<u64> {
        Ok(u64::try_from(self.take::<i64>(column)?).unwrap_or_default())
    }

    fn user_state(&mut self) -> Read<UserState> {
        Ok(self.take::<Option<_>>("disabled_at")?.map_or(UserState::Enabled, UserState::Disabled))
    }

    /// The two columns of an install's status.
    fn install_status(&mut self, column: &'static str) -> Read<InstallStatus> {
        let status = self.text(column)?;
        let reason = match self.text_if_set("end_reason")? {
            None => None,
            Some("reset") => Some(EndReason::Reset),
            Some("token_reuse") => Some(EndReason::TokenReuse),
            Some("expired") => Some(EndReason::Expired),
            Some(_) => return self.impossible("end_reason"),
        };
        match (status, reason) {
            ("active", None) => Ok(InstallStatus::Active),
            ("inactive", None) => Ok(InstallStatus::Inactive),
            ("ended", Some(reason)) => Ok(InstallStatus::Ended(reason)),
            _ => self.impossible(column),
        }
    }
}

/// An enum of the protocol by its name on the wire, which is also the one in the database.
pub(super) fn by_wire_name<T: DeserializeOwned>(name: &str) -> Option<T> {
    let name: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// A record that is read from a row of one kind of statement.
pub(in crate::store) trait FromRow: Sized {
    const TABLE: &'static str;

    fn read(row: &mut Columns<'_>) -> Read<Self>;
}

impl FromRow for Application {
    const TABLE: &'static str = "applications";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(Application {
            app_id: row.take("app_id")?,
            name: row.take("name")?,
            created_at: row.take("created_at")?,
            user_linking: row.take("user_linking")?,
        })
    }
}

impl FromRow for ApiKeyRecord {
    const TABLE: &'static str = "api_keys";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(ApiKeyRecord {
            app_id: row.take("app_id")?,
            key_id: row.take("key_id")?,
            name: row.take("name")?,
            scopes: row.parse("scopes", |names| names.split(' ').map(|name| name.parse().ok()).collect())?,
            hint: row.take("hint")?,
            created_at: row.take("created_at")?,
            expires_at: row.take("expires_at")?,
            state: row.take::<Option<_>>("revoked_at")?.map_or(ApiKeyState::Valid, ApiKeyState::Revoked),
        })
    }
}

impl FromRow for User {
    const TABLE: &'static str = "users";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(User {
            app_id: row.take("app_id")?,
            user_id: row.take("user_id")?,
            external_id: row.take("external_id")?,
            created_at: row.take("created_at")?,
            state: row.user_state()?,
        })
    }
}

impl FromRow for DeletedUser {
    const TABLE: &'static str = "users";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(DeletedUser {
            app_id: row.take("app_id")?,
            user_id: row.take("user_id")?,
            external_id: row.take("external_id")?,
            deleted_at: row.take("deleted_at")?,
        })
    }
}

/// A user who may never have been used.
impl FromRow for (AppId, UserId) {
    const TABLE: &'static str = "unused_users";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok((row.take("app_id")?, row.take("user_id")?))
    }
}

/// What a code stands for.
impl FromRow for (AppId, ExternalId) {
    const TABLE: &'static str = "authentication_codes";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok((row.take("app_id")?, row.take("external_id")?))
    }
}

impl FromRow for Redemption {
    const TABLE: &'static str = "authentication_codes";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(Redemption {
            app_id: row.take("app_id")?,
            install_id: row.take("install_id")?,
            idempotency_key: row.take("idempotency_key")?,
            generation: row.take("generation")?,
            created_user: row.take("created_user")?,
        })
    }
}

impl FromRow for Install {
    const TABLE: &'static str = "installs";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(Install {
            app_id: row.take("app_id")?,
            install_id: row.take("install_id")?,
            user_id: row.take("user_id")?,
            status: row.install_status("status")?,
            awaits_link: row.take("awaits_link")?,
            family: row.take("family")?,
            generation: row.take("generation")?,
            app: AppInfo {
                name: row.take("app_name")?,
                version: row.take("app_version")?,
                origin: row.take("app_origin")?,
            },
            device: DeviceInfo {
                class: row.parse("device_class", by_wire_name)?,
                class_source: row.parse("device_class_source", by_wire_name)?,
                os: row.take("os")?,
                os_version: row.take("os_version")?,
                model: row.take("model")?,
                language: row.take("language")?,
                time_zone: row.take("time_zone")?,
            },
            sdk: SdkInfo { version: row.take("sdk_version")?, runtime: row.take("sdk_runtime")? },
            created_at: row.take("created_at")?,
        })
    }
}

/// The id of an install.
impl FromRow for InstallId {
    const TABLE: &'static str = "installs";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        row.take("install_id")
    }
}

/// How an application's credentials were exchanged.
impl FromRow for (Hashed<IdempotencyKey>, u32) {
    const TABLE: &'static str = "installs";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok((row.take("creation_key")?, row.take("creation_generation")?))
    }
}

impl FromRow for StoredDetection {
    const TABLE: &'static str = "detections";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        let (detection_id, install_id) = (row.take("detection_id")?, row.take("install_id")?);
        let kind = row.parse("kind", DetectionType::parse)?;
        let time = row.take("time")?;
        let content = match kind {
            DetectionType::Position => DetectionContent::Position(row.json("content")?),
            DetectionType::Motion => DetectionContent::Motion(row.json("content")?),
            DetectionType::Trip => DetectionContent::Trip(row.json("content")?),
        };
        Ok(StoredDetection { install_id, detection: Detection { detection_id, time, content } })
    }
}

impl FromRow for Block {
    const TABLE: &'static str = "detection_blocks";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(Block {
            first: DetectionKey { time: row.take("first_time")?, detection_id: row.take("first_id")? },
            last: DetectionKey { time: row.take("last_time")?, detection_id: row.take("last_id")? },
            count: row.take("count")?,
            content: row.take("content")?,
        })
    }
}

impl FromRow for Session {
    const TABLE: &'static str = "token_pairs";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(Session {
            app_id: row.take("app_id")?,
            install_id: row.take("install_id")?,
            generation: row.take("generation")?,
            pair_state: match (row.text("pair_status")?, row.take("idempotency_key")?) {
                ("current", None) => PairState::Current,
                ("exchanged", Some(key)) => PairState::Exchanged(key),
                ("superseded", None) => PairState::Superseded,
                _ => return row.impossible("status"),
            },
            used: row.take::<Option<Timestamp>>("first_used_at")?.is_some(),
            access_expires_at: row.take("access_expires_at")?,
            refresh_expires_at: row.take("refresh_expires_at")?,
            user_id: row.take("user_id")?,
            family: row.take("family")?,
            install_status: row.install_status("install_status")?,
            newest_generation: row.take("newest_generation")?,
            user_state: row.user_state()?,
            is_linked: row.take("is_linked")?,
        })
    }
}

impl FromRow for ExpiredSession {
    const TABLE: &'static str = "installs";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(ExpiredSession {
            app_id: row.take("app_id")?,
            install_id: row.take("install_id")?,
            user_id: row.take("user_id")?,
            is_known: row.take("is_known")?,
        })
    }
}

impl FromRow for CodeUse {
    const TABLE: &'static str = "authentication_codes";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(CodeUse {
            app_id: row.take("app_id")?,
            external_id: row.take("external_id")?,
            install_id: row.take("install_id")?,
        })
    }
}

impl FromRow for ClockWatch {
    const TABLE: &'static str = "clock_watch";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(ClockWatch {
            trusted_at: row.take("trusted_at")?,
            seen_at: row.take("seen_at")?,
            doubted_since: row.take("doubted_since")?,
        })
    }
}

impl FromRow for AuditEvent {
    const TABLE: &'static str = "audit_events";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        Ok(AuditEvent {
            app_id: row.take("app_id")?,
            kind: row.parse("kind", |name| name.parse().ok())?,
            user_id: row.take("user_id")?,
            install_id: row.take("install_id")?,
            key_id: row.take("key_id")?,
            actor: match row.text("actor")? {
                "install" => Actor::Install(row.take("actor_id")?),
                "api_key" => Actor::ApiKey(row.take("actor_id")?),
                kind => {
                    row.take::<Option<String>>("actor_id")?;
                    match kind {
                        "operator" => Actor::Operator,
                        "platform" => Actor::Platform,
                        "unknown" => Actor::Unknown,
                        _ => return row.impossible("actor"),
                    }
                }
            },
            trace: Trace {
                address: match row.text_if_set("address")? {
                    Some(address) => address.parse().map(Some).or_else(|_| row.impossible("address"))?,
                    None => None,
                },
                request: row.take("request")?,
            },
            occurred_at: row.take("occurred_at")?,
        })
    }
}

/// With its place in the log.
impl FromRow for (i64, Change) {
    const TABLE: &'static str = "audit_events";

    fn read(row: &mut Columns<'_>) -> Read<Self> {
        let seq = row.take("seq")?;
        let (app_id, user_id) = (row.take("app_id")?, row.take("user_id")?);
        Ok((seq, Change { app_id, user_id, install_id: row.take("install_id")? }))
    }
}
