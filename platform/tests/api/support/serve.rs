//! A server without limits, as the tests and the bench start it.

/// All of the load comes from one address, with one key.
pub(crate) const SERVE: &[&str] = &[
    "serve",
    "--connections-per-address=100000",
    "--limit-per-key=off",
    "--limit-per-external-id=off",
    "--limit-per-address=off",
    "--limit-failures=off",
    "--limit-upload-per-user=off",
    "--limit-upload-per-address=off",
    "--limit-unlinked-per-address=off",
    "--limit-unlinked-per-app=off",
    "--min-free-disk-bytes=0",
];
