//! API keys and what they permit.

use super::{AppId, KeyId};
use crate::clock::Timestamp;
use std::{fmt, str::FromStr};

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read a user's profile.
    UserRead,
    /// Delete a user.
    UserDelete,
    /// Ask for authentication codes.
    UserLink,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 3] = [Scope::UserRead, Scope::UserDelete, Scope::UserLink];

    /// The name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::UserRead => "user.read",
            Scope::UserDelete => "user.delete",
            Scope::UserLink => "user.link",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// No scope has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no scope of that name; the scopes are user.read, user.delete and user.link")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    /// Both published spellings are accepted: `user.read` and `USER_READ`.
    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        let upper = |scope: Scope| scope.as_str().to_uppercase().replace('.', "_");
        Scope::ALL
            .into_iter()
            .find(|scope| name == scope.as_str() || name == upper(*scope))
            .ok_or(UnknownScope)
    }
}

/// An API key as it is stored: without its secret.
#[derive(Clone, Debug)]
pub struct ApiKeyRecord {
    /// The application that it belongs to.
    pub app_id: AppId,
    /// Its public name.
    pub key_id: KeyId,
    /// What a person called it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The last characters of the secret.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub state: ApiKeyState,
}

/// Whether an API key was revoked. Expiry is not a state: it follows from the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyState {
    /// It was not.
    Valid,
    /// It was, at this time.
    Revoked(Timestamp),
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn scopes_are_read_in_both_spellings() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().ok(), Some(scope));
        }
        assert_eq!("USER_LINK".parse::<Scope>().ok(), Some(Scope::UserLink));
        assert!("USER.LINK".parse::<Scope>().is_err());
    }
}
