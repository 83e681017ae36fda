//! Installs.

use super::{Engine, engine::Ask, rows::by_wire_name, texts, values::values};
use crate::{
    clock::Timestamp,
    model::{AppId, EndReason, ExpiredSession, Install, InstallId, InstallStatus, UserId},
    secret::{Hashed, IdempotencyKey},
    store::{Installs, StoreError},
};
use sentiance_protocol::{DeviceClass, DeviceClassSource};

impl<E: Engine> Installs for E {
    async fn find_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<Install>, StoreError> {
        self.first(&texts::FIND_INSTALL, values![app, install]).await
    }

    async fn any_has_install(&mut self, install: &InstallId) -> Result<bool, StoreError> {
        self.exists(&texts::ANY_HAS_INSTALL, values![install]).await
    }

    async fn find_other_active_class(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        now: Timestamp,
    ) -> Result<Option<DeviceClass>, StoreError> {
        self.first_of(&texts::FIND_OTHER_ACTIVE_CLASS, values![app, user, install, now], "installs", |row| {
            row.parse("device_class", by_wire_name)
        })
        .await
    }

    async fn list_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        limit: u32,
    ) -> Result<Vec<Install>, StoreError> {
        self.list(&texts::LIST_INSTALLS, values![app, user, limit]).await
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
        self.post(
            &texts::SAVE_INSTALL,
            values![
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
            ],
        )
        .await
    }

    async fn record_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
        key: Hashed<IdempotencyKey>,
        generation: u32,
    ) -> Result<(), StoreError> {
        self.post(&texts::RECORD_CREATION, values![app, install, key, generation]).await
    }

    async fn find_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<(Hashed<IdempotencyKey>, u32)>, StoreError> {
        self.first(&texts::FIND_CREATION, values![app, install]).await
    }

    async fn move_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        user: &UserId,
        status: InstallStatus,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::MOVE_INSTALL, values![app, install, user, status_name(status), now]).await
    }

    async fn confirm_link(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.post(&texts::CONFIRM_LINK, values![app, install]).await
    }

    async fn deactivate_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<InstallId>, StoreError> {
        self.list(&texts::DEACTIVATE_INSTALLS, values![app, user, now]).await
    }

    async fn end_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.change(&texts::END_INSTALL, values![app, install, reason_name(reason), now]).await? > 0)
    }

    async fn expired_sessions(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpiredSession>, StoreError> {
        self.list(&texts::EXPIRED_SESSIONS, values![now, limit]).await
    }

    async fn delete_ended_installs(
        &mut self,
        ended_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.delete_before(&texts::DELETE_ENDED_INSTALLS, ended_before, limit).await
    }

    async fn delete_old_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        unchanged_since: Timestamp,
        kept: u32,
    ) -> Result<(), StoreError> {
        self.post(&texts::DELETE_OLD_INSTALLS, values![app, user, unchanged_since, kept]).await
    }

    async fn delete_install(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.post(&texts::DELETE_INSTALL, values![app, install]).await
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
