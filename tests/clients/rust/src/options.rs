//! The command line: `--name value` pairs.

use std::env;

pub struct Options {
    pub content: bool,
    pub grpc: bool,
    pub endpoint: String,
    pub control: String,
    pub gzip: bool,
    pub signals: Vec<String>,
    pub count: i64,
    pub rate: f64,
    pub ca: String,
    pub cert: String,
    pub key: String,
}

fn get(name: &str, standard: &str) -> String {
    let wanted = format!("--{name}");
    let mut words = env::args().skip_while(|word| *word != wanted);
    words.nth(1).unwrap_or_else(|| standard.to_string())
}

impl Options {
    pub fn parse() -> Self {
        Options {
            content: get("mode", "load") == "content",
            grpc: get("protocol", "grpc") == "grpc",
            endpoint: get("endpoint", ""),
            control: get("control", ""),
            gzip: get("compression", "none") == "gzip",
            signals: get("signals", "traces").split(',').map(String::from).collect(),
            count: get("count", "100").parse().expect("--count"),
            rate: get("rate", "0").parse().expect("--rate"),
            ca: get("ca", ""),
            cert: get("cert", ""),
            key: get("key", ""),
        }
    }

    pub fn has(&self, signal: &str) -> bool {
        self.signals.iter().any(|one| one == signal)
    }
}
