//! Encrypted connections to the database.

use crate::store::StoreError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{io, path::Path, sync::Arc};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What encrypts connections. The server must have a certificate for its name, of an authority in that file, or of one
/// that the system trusts.
pub(super) fn connector(encrypts: bool, authorities: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let roots = match (encrypts, authorities) {
        (false, _) => RootCertStore::empty(),
        (true, Some(file)) => roots_in(file)?,
        (true, None) => roots_of_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Database(Arc::new(error)))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn roots_in(file: &Path) -> Result<RootCertStore, StoreError> {
    let unusable = |why: &dyn std::fmt::Display| {
        let message = format!("the certificates in {}: {why}", file.display());
        StoreError::Database(Arc::new(io::Error::other(message)))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"there are none")) } else { Ok(roots) }
}

fn roots_of_system() -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read matters only if it signed the certificate of the server, which then says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(StoreError::Url("this system trusts no authority; name one with sslrootcert"));
    }
    Ok(roots)
}
