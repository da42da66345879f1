//! The exporters of one destination: the one under test, or the control.

use std::fs;

use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::metrics::Temporality;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::options::Options;

pub struct Destination<'a> {
    options: &'a Options,
    endpoint: &'a str,
    plain: bool,
}

/// Puts what all signals share into the builder of one of them.
macro_rules! build {
    ($self:ident, $builder:expr, $path:literal) => {
        if $self.options.grpc {
            let mut builder = $builder.with_tonic().with_endpoint($self.url(""));
            if $self.gzip() {
                builder = builder.with_compression(Compression::Gzip);
            }
            if let Some(config) = $self.tonic_tls() {
                builder = builder.with_tls_config(config);
            }
            builder.build().expect("the exporter")
        } else {
            let mut builder = $builder
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint($self.url($path));
            if $self.gzip() {
                builder = builder.with_compression(Compression::Gzip);
            }
            if let Some(client) = $self.reqwest_tls() {
                builder = builder.with_http_client(client);
            }
            builder.build().expect("the exporter")
        }
    };
}

impl<'a> Destination<'a> {
    pub fn real(options: &'a Options) -> Self {
        Destination { options, endpoint: &options.endpoint, plain: false }
    }

    pub fn control(options: &'a Options) -> Option<Self> {
        let endpoint = options.control.as_str();
        (!endpoint.is_empty()).then_some(Destination { options, endpoint, plain: true })
    }

    fn tls(&self) -> bool {
        !self.plain && !self.options.ca.is_empty()
    }

    fn gzip(&self) -> bool {
        !self.plain && self.options.gzip
    }

    fn url(&self, path: &str) -> String {
        let scheme = if self.tls() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.endpoint)
    }

    fn tonic_tls(&self) -> Option<ClientTlsConfig> {
        if !self.tls() {
            return None;
        }
        let ca = fs::read(&self.options.ca).expect("--ca");
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        if self.options.cert.is_empty() {
            return Some(config);
        }
        let cert = fs::read(&self.options.cert).expect("--cert");
        let key = fs::read(&self.options.key).expect("--key");
        Some(config.identity(Identity::from_pem(cert, key)))
    }

    fn reqwest_tls(&self) -> Option<reqwest::blocking::Client> {
        if !self.tls() {
            return None;
        }
        let ca = fs::read(&self.options.ca).expect("--ca");
        let root = reqwest::Certificate::from_pem(&ca).expect("--ca");
        let mut builder = reqwest::blocking::Client::builder().tls_certs_only([root]);
        if !self.options.cert.is_empty() {
            let mut both = fs::read(&self.options.cert).expect("--cert");
            both.extend(fs::read(&self.options.key).expect("--key"));
            builder = builder.identity(reqwest::Identity::from_pem(&both).expect("--cert"));
        }
        Some(builder.build().expect("a client with TLS"))
    }

    pub fn spans(&self) -> SpanExporter {
        build!(self, SpanExporter::builder(), "/v1/traces")
    }

    pub fn metrics(&self) -> MetricExporter {
        let temporality =
            if self.options.content { Temporality::Cumulative } else { Temporality::Delta };
        build!(self, MetricExporter::builder().with_temporality(temporality), "/v1/metrics")
    }

    pub fn logs(&self) -> LogExporter {
        build!(self, LogExporter::builder(), "/v1/logs")
    }
}
