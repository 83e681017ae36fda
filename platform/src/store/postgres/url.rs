//! The URL of a database: what the platform reads of it itself, and what is for the driver.

use super::failure::Whole;
use crate::store::StoreError;
use std::{path::PathBuf, sync::Arc};
use tokio_postgres::{Config, config::SslMode};

/// How many connections a platform has at once, unless the URL says something else.
const DEFAULT_SIZE: usize = 20;

/// What a URL says.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) config: Config,
    /// How many connections there may be (`pool_size`).
    pub(super) size: usize,
    /// Whether statements may be prepared on a connection (`prepared_statements`).
    pub(super) prepares: bool,
    /// Whether connections are encrypted (`sslmode`).
    pub(super) encrypts: bool,
    /// The certificates of the authorities that are trusted with that, in PEM (`sslrootcert`).
    pub(super) authorities: Option<PathBuf>,
}

impl Parameters {
    pub(super) fn of(url: &str) -> Result<Self, StoreError> {
        let (start, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut size, mut prepares, mut encrypts, mut authorities) = (DEFAULT_SIZE, true, false, None);
        let mut for_driver = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name, value) {
                ("pool_size", count) => {
                    let count = count.parse().ok().filter(|count| (1..=1000).contains(count));
                    size = count.ok_or(StoreError::Url("pool_size must be 1 to 1000"))?;
                }
                ("prepared_statements", "true") => prepares = true,
                ("prepared_statements", "false") => prepares = false,
                ("prepared_statements", _) => {
                    return Err(StoreError::Url("prepared_statements must be true or false"));
                }
                ("sslmode", "disable") => encrypts = false,
                // Encryption to an unknown server protects from no one who stands in between.
                ("sslmode", "require" | "verify-full") => encrypts = true,
                ("sslmode", _) => {
                    return Err(StoreError::Url(
                        "sslmode must be disable or verify-full; require means verify-full",
                    ));
                }
                ("sslrootcert", "") => return Err(StoreError::Url("sslrootcert must name a file")),
                ("sslrootcert", file) => authorities = Some(PathBuf::from(file)),
                _ => for_driver.push(parameter),
            }
        }
        let url = [start, &for_driver.join("&")].join("?");
        let mut config: Config = url.parse().map_err(|error| StoreError::Database(Arc::new(Whole(error))))?;
        config.ssl_mode(if encrypts { SslMode::Require } else { SslMode::Disable });
        Ok(Parameters { config, size, prepares, encrypts, authorities })
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;
    use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

    #[test]
    fn the_platform_reads_its_own_parameters_and_leaves_the_others_to_the_driver() {
        let url = "postgres://me@a,b:5433/platform?pool_size=7&target_session_attrs=read-write\
            &prepared_statements=false&sslmode=verify-full&sslrootcert=/etc/ca.pem";
        let Parameters { config, size, prepares, encrypts, authorities } = Parameters::of(url).unwrap();
        assert_eq!((size, prepares, encrypts), (7, false, true));
        assert_eq!(authorities.unwrap().to_str(), Some("/etc/ca.pem"));
        assert_eq!(config.get_hosts(), [Host::Tcp("a".to_owned()), Host::Tcp("b".to_owned())]);
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn a_url_without_parameters_has_the_defaults() {
        let Parameters { config, size, prepares, encrypts, .. } =
            Parameters::of("postgres://me@a/platform").unwrap();
        assert_eq!((size, prepares, encrypts), (20, true, false));
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn a_parameter_without_a_meaning_is_refused_with_what_it_may_be() {
        for (parameter, expected) in [
            ("pool_size=0", "pool_size must be 1 to 1000"),
            ("pool_size=many", "pool_size must be 1 to 1000"),
            ("prepared_statements=1", "prepared_statements must be true or false"),
            ("sslmode=prefer", "sslmode must be disable or verify-full"),
            ("sslrootcert=", "sslrootcert must name a file"),
            ("nonsense=1", "nonsense"),
        ] {
            let error = Parameters::of(&format!("postgres://a/platform?{parameter}")).unwrap_err();
            let causes = format!("{error} {error:?}");
            assert!(causes.contains(expected), "{parameter}: {causes}");
        }
    }
}
