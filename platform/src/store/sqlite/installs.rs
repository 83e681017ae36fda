//! Installs, on SQLite.

use super::{SqliteTransaction, rows::by_wire_name};
use crate::{
    clock::Timestamp,
    model::{AppId, EndReason, ExpiredSession, Install, InstallId, InstallStatus, UserId},
    secret::{Hashed, IdempotencyKey},
    store::{Installs, StoreError, sql},
};
use rusqlite::params;
use sentiance_protocol::{DeviceClass, DeviceClassSource};

impl Installs for SqliteTransaction<'_> {
    async fn find_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<Install>, StoreError> {
        self.first(sql::FIND_INSTALL, (app, install))
    }

    async fn any_has_install(&mut self, install: &InstallId) -> Result<bool, StoreError> {
        self.exists(sql::ANY_HAS_INSTALL, (install,))
    }

    async fn find_other_active_class(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        now: Timestamp,
    ) -> Result<Option<DeviceClass>, StoreError> {
        self.first_of(sql::FIND_OTHER_ACTIVE_CLASS, (app, user, install, now), "installs", |row| {
            row.parse("device_class", by_wire_name)
        })
    }

    async fn list_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        limit: u32,
    ) -> Result<Vec<Install>, StoreError> {
        self.list(sql::LIST_INSTALLS, (app, user, limit))
    }

    async fn save_install(
        &mut self,
        install: &Install,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let end_reason = match install.status {
            InstallStatus::Active | InstallStatus::Inactive => None,
            InstallStatus::Ended(reason) => Some(reason_name(reason)),
        };
        let Install { app, device, sdk, .. } = install;
        let values = params![
            install.app_id,
            install.install_id,
            install.user_id,
            status_name(install.status),
            end_reason,
            install.awaits_link,
            install.family,
            install.generation,
            app.name,
            app.version,
            app.origin,
            device.class.as_str(),
            source_name(device.class_source),
            device.os,
            device.os_version,
            device.model,
            device.language,
            device.time_zone,
            sdk.version,
            sdk.runtime,
            install.created_at,
            now,
            expires_at,
        ];
        self.change(sql::SAVE_INSTALL, values)?;
        Ok(())
    }

    async fn record_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
        key: Hashed<IdempotencyKey>,
        generation: u32,
    ) -> Result<(), StoreError> {
        self.change(sql::RECORD_CREATION, (app, install, key, generation))?;
        Ok(())
    }

    async fn find_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<(Hashed<IdempotencyKey>, u32)>, StoreError> {
        self.first(sql::FIND_CREATION, (app, install))
    }

    async fn move_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        user: &UserId,
        status: InstallStatus,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::MOVE_INSTALL, (app, install, user, status_name(status), now))?;
        Ok(())
    }

    async fn confirm_link(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change(sql::CONFIRM_LINK, (app, install))?;
        Ok(())
    }

    async fn deactivate_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<InstallId>, StoreError> {
        self.list(sql::DEACTIVATE_INSTALLS, (app, user, now))
    }

    async fn end_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.change(sql::END_INSTALL, (app, install, reason_name(reason), now))? > 0)
    }

    async fn expired_sessions(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpiredSession>, StoreError> {
        self.list(sql::EXPIRED_SESSIONS, (now, limit))
    }

    async fn delete_ended_installs(
        &mut self,
        ended_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_ENDED_INSTALLS, ended_before, limit)
    }

    async fn delete_stale_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        unchanged_since: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::DELETE_STALE_INSTALLS, (app, user, unchanged_since))?;
        Ok(())
    }

    async fn delete_surplus_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> Result<(), StoreError> {
        self.change(sql::DELETE_SURPLUS_INSTALLS, (app, user, kept))?;
        Ok(())
    }

    async fn delete_install(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change(sql::DELETE_INSTALL, (app, install))?;
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
