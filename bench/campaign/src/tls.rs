//! The runner's TLS: a certificate for loopback, and the authority that the service is told to trust.

use std::sync::Arc;

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What an https runner shows.
pub struct Identity {
    pub acceptor: TlsAcceptor,
    /// The certificate of its authority, in PEM.
    pub authority: String,
}

impl Identity {
    /// A new one, signed by a new authority.
    pub fn new() -> anyhow::Result<Self> {
        let signing = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let shown = authority.self_signed(&signing)?.pem();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?
            .signed_by(&key, &Issuer::new(authority, signing))?;
        let key = PrivateKeyDer::try_from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                key.ok().context("the key is none for TLS")?,
            )?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority: shown,
        })
    }
}
