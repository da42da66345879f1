//! Exporters that note what the SDK was told of each batch, and give it to a control as well.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::logs::AnyValue;
use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::Resource;
use serde_json::json;

/// What the program prints.
#[derive(Debug, Default)]
pub struct Report {
    exports: Mutex<Vec<serde_json::Value>>,
    errors: Mutex<Vec<String>>,
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64()
}

impl Report {
    fn export(&self, signal: &str, items: Vec<i64>, result: &OTelSdkResult, begin: f64) {
        let error = result.as_ref().err().map_or_else(String::new, |error| format!("{error:?}"));
        self.exports.lock().expect("a lock").push(json!({
            "signal": signal, "items": items, "ok": result.is_ok(), "error": error,
            "begin": begin, "end": now(),
        }));
    }

    pub fn check(&self, result: OTelSdkResult) {
        if let Err(error) = result {
            self.errors.lock().expect("a lock").push(format!("{error:?}"));
        }
    }

    pub fn json(&self, signals: &[String], count: i64) -> serde_json::Value {
        let produced: serde_json::Map<_, _> =
            signals.iter().map(|signal| (signal.clone(), json!(count))).collect();
        json!({
            "produced": produced, "exports": *self.exports.lock().expect("a lock"),
            "errors": *self.errors.lock().expect("a lock"),
        })
    }
}

fn item<'a>(mut attributes: impl Iterator<Item = &'a KeyValue>) -> Option<i64> {
    attributes.find_map(|pair| match (pair.key.as_str(), &pair.value) {
        ("item", Value::I64(number)) => Some(*number),
        _ => None,
    })
}

#[derive(Debug)]
pub struct Recorder<E> {
    pub real: E,
    pub control: Option<E>,
    pub report: Arc<Report>,
}

impl opentelemetry_sdk::trace::SpanExporter for Recorder<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if let Some(control) = &self.control {
            self.report.check(control.export(batch.clone()).await);
        }
        let items = batch.iter().filter_map(|span| item(span.attributes.iter())).collect();
        let begin = now();
        let result = self.real.export(batch).await;
        self.report.export("traces", items, &result, begin);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.real.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.real.set_resource(resource);
        if let Some(control) = &mut self.control {
            control.set_resource(resource);
        }
    }
}

impl opentelemetry_sdk::logs::LogExporter for Recorder<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let whole: Vec<_> = batch.iter().collect();
        if let Some(control) = &self.control {
            self.report.check(control.export(LogBatch::new(&whole)).await);
        }
        let items = whole
            .iter()
            .flat_map(|(record, _)| record.attributes_iter())
            .filter_map(|(key, value)| match (key.as_str(), value) {
                ("item", AnyValue::Int(number)) => Some(*number),
                _ => None,
            })
            .collect();
        let begin = now();
        let result = self.real.export(LogBatch::new(&whole)).await;
        self.report.export("logs", items, &result, begin);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.real.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.real.set_resource(resource);
        if let Some(control) = &mut self.control {
            control.set_resource(resource);
        }
    }
}

impl PushMetricExporter for Recorder<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut items = Vec::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            if let AggregatedMetrics::I64(MetricData::Gauge(gauge)) = metric.data() {
                items.extend(gauge.data_points().filter_map(|point| item(point.attributes())));
            }
        }
        if let Some(control) = &self.control {
            self.report.check(control.export(metrics).await);
        }
        let begin = now();
        let result = self.real.export(metrics).await;
        self.report.export("metrics", items, &result, begin);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.real.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.real.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.real.temporality()
    }
}
