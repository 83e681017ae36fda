//! Installs, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    clock::Timestamp,
    model::{AppId, EndReason, ExpiredSession, Install, InstallId, InstallStatus, UserId},
    secret::{Hashed, IdempotencyKey},
    store::{Installs, StoreError, sql},
};
use sentiance_protocol::{DeviceClass, DeviceClassSource};
use sqlx::query;

impl Installs for SqliteTransaction<'_> {
    async fn find_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<Install>, StoreError> {
        rows::optional(
            query(sql::FIND_INSTALL)
                .bind(app.as_str())
                .bind(install.as_str())
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn any_has_install(&mut self, install: &InstallId) -> Result<bool, StoreError> {
        let found =
            query(sql::ANY_HAS_INSTALL).bind(install.as_str()).fetch_optional(&mut *self.connection).await?;
        Ok(found.is_some())
    }

    async fn find_other_active_class(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        now: Timestamp,
    ) -> Result<Option<DeviceClass>, StoreError> {
        let row = query(sql::FIND_OTHER_ACTIVE_CLASS)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(install.as_str())
            .bind(now.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        row.as_ref().map(|row| Reader::of("installs", row).device_class()).transpose()
    }

    async fn list_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        limit: u32,
    ) -> Result<Vec<Install>, StoreError> {
        rows::all(
            query(sql::LIST_INSTALLS)
                .bind(app.as_str())
                .bind(user.as_str())
                .bind(limit)
                .fetch_all(&mut *self.connection)
                .await?,
        )
    }

    async fn save_install(&mut self, install: &Install, now: Timestamp) -> Result<(), StoreError> {
        let end_reason = match install.status {
            InstallStatus::Active | InstallStatus::Inactive => None,
            InstallStatus::Ended(reason) => Some(reason_name(reason)),
        };
        let Install { app, device, sdk, .. } = install;
        query(sql::SAVE_INSTALL)
            .bind(install.app_id.as_str())
            .bind(install.install_id.as_str())
            .bind(install.user_id.as_str())
            .bind(status_name(install.status))
            .bind(end_reason)
            .bind(install.awaits_link)
            .bind(install.family.as_bytes())
            .bind(install.generation)
            .bind(&app.name)
            .bind(&app.version)
            .bind(&app.origin)
            .bind(device.class.as_str())
            .bind(source_name(device.class_source))
            .bind(&device.os)
            .bind(&device.os_version)
            .bind(&device.model)
            .bind(&device.language)
            .bind(&device.time_zone)
            .bind(&sdk.version)
            .bind(&sdk.runtime)
            .bind(install.created_at.0)
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn record_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
        key: Hashed<IdempotencyKey>,
        generation: u32,
    ) -> Result<(), StoreError> {
        query(sql::RECORD_CREATION)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(key.as_bytes())
            .bind(generation)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<(Hashed<IdempotencyKey>, u32)>, StoreError> {
        let row = query(sql::FIND_CREATION)
            .bind(app.as_str())
            .bind(install.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        row.as_ref()
            .map(|row| Reader::of("installs", row))
            .map(|row| Ok((row.hash("creation_key")?, row.count("creation_generation")?)))
            .transpose()
    }

    async fn move_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        user: &UserId,
        status: InstallStatus,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::MOVE_INSTALL)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(user.as_str())
            .bind(status_name(status))
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn confirm_link(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        query(sql::CONFIRM_LINK)
            .bind(app.as_str())
            .bind(install.as_str())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn deactivate_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<InstallId>, StoreError> {
        let rows = query(sql::DEACTIVATE_INSTALLS)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(now.0)
            .fetch_all(&mut *self.connection)
            .await?;
        rows.iter().map(|row| Reader::of("installs", row).parse("install_id", InstallId::parse)).collect()
    }

    async fn end_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = query(sql::END_INSTALL)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(reason_name(reason))
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(ended.rows_affected() > 0)
    }

    async fn expired_sessions(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpiredSession>, StoreError> {
        rows::all(
            query(sql::EXPIRED_SESSIONS).bind(now.0).bind(limit).fetch_all(&mut *self.connection).await?,
        )
    }

    async fn delete_ended_installs(
        &mut self,
        ended_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_ENDED_INSTALLS, ended_before, limit).await
    }

    async fn delete_stale_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        unchanged_since: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::DELETE_STALE_INSTALLS)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(unchanged_since.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn delete_surplus_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> Result<(), StoreError> {
        query(sql::DELETE_SURPLUS_INSTALLS)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(kept)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn delete_install(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        query(sql::DELETE_INSTALL)
            .bind(app.as_str())
            .bind(install.as_str())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

/// The name in the database; `rows` reads it back, as it does those of the others here.
fn status_name(status: InstallStatus) -> &'static str {
    match status {
        InstallStatus::Active => "active",
        InstallStatus::Inactive => "inactive",
        InstallStatus::Ended(_) => "ended",
    }
}

fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Reset => "reset",
        EndReason::TokenReuse => "token_reuse",
        EndReason::Expired => "expired",
    }
}

/// The name in the database, which is the one on the wire.
fn source_name(source: DeviceClassSource) -> &'static str {
    match source {
        DeviceClassSource::Override => "override",
        DeviceClassSource::ClientHints => "client_hints",
        DeviceClassSource::UserAgent => "user_agent",
        DeviceClassSource::ReactNative => "react_native",
        DeviceClassSource::Runtime => "runtime",
    }
}
