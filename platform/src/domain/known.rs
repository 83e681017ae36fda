//! Whether a credential is known at all: a question for a reader, where the exchange itself needs the writer.

use super::Refusal;
use crate::{
    model::AppId,
    secret::{AppSecret, Code, Hashed, Plain, RefreshToken},
    store::{Transaction, Work},
};

/// Asks whether an exchange of this could end in anything but the [refusal](IsKnown::refusal) of what nobody knows. It
/// may have been used, or have expired: only the exchange itself tells.
#[derive(Debug, Clone)]
pub enum IsKnown {
    /// An authentication code.
    Code(Hashed<Code>),
    /// An application's credentials.
    Credentials(AppId, Hashed<AppSecret>),
    /// A refresh token, or any older one of its session.
    RefreshToken(Plain<RefreshToken>),
}

impl IsKnown {
    /// How an exchange is refused of what nobody knows.
    pub fn refusal(&self) -> Refusal {
        match self {
            IsKnown::Code(_) => Refusal::CodeInvalid,
            IsKnown::Credentials(..) => Refusal::ApplicationCredentialsInvalid,
            IsKnown::RefreshToken(_) => Refusal::TokenInvalid,
        }
    }
}

impl Work for IsKnown {
    type Output = bool;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<bool, Refusal> {
        Ok(match self {
            IsKnown::Code(code) => tx.has_code(code).await?,
            IsKnown::Credentials(app_id, secret) => {
                tx.find_application_by_credentials(&app_id, secret).await?.is_some()
            }
            IsKnown::RefreshToken(token) => {
                let family = token.family().hash();
                tx.find_by_refresh(token.hash()).await?.is_some()
                    || tx.find_by_family(family).await?.is_some()
                    || tx.find_tombstone(token.hash()).await?.is_some()
                    || tx.find_tombstone(family).await?.is_some()
            }
        })
    }
}
