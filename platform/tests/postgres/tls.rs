//! Encrypted connections to the database.

use crate::support::{Command, Sdk, ServerKey};
use postgres_cluster::Cluster;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// A database whose certificate is for a name, and the folder of its authority's certificate.
fn cluster_for(name: &str) -> (Cluster, TempDir) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("authority.pem"), authority.pem()).unwrap();
    (Cluster::start_with_certificate(&certificate.pem(), &key.serialize_pem()).unwrap(), folder)
}

fn command(cluster: &Cluster, parameters: &str) -> Command {
    Command::on(&PathBuf::from(format!("{}?{parameters}", cluster.url("postgres"))))
}

#[tokio::test]
async fn a_database_with_a_certificate_of_a_named_authority_is_used_encrypted() {
    let (cluster, folder) = cluster_for("127.0.0.1");
    let authority = folder.path().join("authority.pem");
    let command = command(&cluster, &format!("sslmode=verify-full&sslrootcert={}", authority.display()));
    let app = command.create_app("Test", &[]);
    let key = command.create_key(&app, &["user.link"]);
    let running = command.start(&["serve"]);
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&ServerKey::new(&running.url, &key).code("alice").await).await.ok();
    // Its connections for statements, and the one that listens.
    let plain = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name = 'sentiance-platform' and not ssl";
    assert_eq!(cluster.run("postgres", plain).unwrap(), "0");
    let encrypted = "select count(*) > 1 from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name = 'sentiance-platform' and ssl";
    assert_eq!(cluster.run("postgres", encrypted).unwrap(), "t");
}

#[test]
fn a_database_whose_certificate_is_not_trusted_is_refused() {
    let (cluster, folder) = cluster_for("db.example.com");
    let authority = folder.path().join("authority.pem");
    let (_, others) = cluster_for("127.0.0.1");
    let other = others.path().join("authority.pem");
    fs::write(folder.path().join("empty.pem"), "").unwrap();
    let empty = folder.path().join("empty.pem");
    for (why, parameters, expected) in [
        (
            "the name is another",
            format!("sslmode=verify-full&sslrootcert={}", authority.display()),
            "not valid for",
        ),
        (
            "the authority is another",
            format!("sslmode=require&sslrootcert={}", other.display()),
            "invalid peer certificate",
        ),
        ("the system does not know it", "sslmode=verify-full".to_owned(), "invalid peer certificate"),
        (
            "the file is empty",
            format!("sslmode=verify-full&sslrootcert={}", empty.display()),
            "there are none",
        ),
        ("there is no file", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem".to_owned(), "/nowhere/ca.pem"),
        (
            "a mode that verifies nothing",
            "sslmode=prefer".to_owned(),
            "sslmode must be disable or verify-full",
        ),
    ] {
        let said = command(&cluster, &parameters).fail(&["app", "create", "--name", "Test"]);
        assert!(said.contains(expected) && said.lines().count() == 1, "{why}: {said}");
    }
}
