//! A program that uses the Rust SDK as its documentation shows it. The command line and the report
//! are those of tests/clients/README.md.

mod content;
mod exporters;
mod options;
mod record;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::logs::{LogRecord, Logger, LoggerProvider};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanBuilder, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream,
};
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, SdkTracerProvider};
use opentelemetry_sdk::Resource;

use exporters::Destination;
use options::Options;
use record::{Recorder, Report};

const BATCH_DELAY: Duration = Duration::from_millis(100);
const QUEUE_SIZE: usize = 1 << 16;

struct Providers {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    loggers: SdkLoggerProvider,
}

fn exponential(instrument: &Instrument) -> Option<Stream> {
    let aggregation = Aggregation::Base2ExponentialHistogram {
        max_size: 160,
        max_scale: 20,
        record_min_max: true,
    };
    let wanted = instrument.name() == "exponential";
    wanted.then(|| Stream::builder().with_aggregation(aggregation).build().expect("a view"))
}

fn start(options: &Options, report: &Arc<Report>) -> Providers {
    let resource = Resource::builder_empty()
        .with_schema_url(content::all_kinds(), content::SCHEMA)
        .with_service_name("client-rust")
        .build();
    let real = Destination::real(options);
    let control = Destination::control(options);
    let report = || report.clone();
    let spans = Recorder {
        real: real.spans(),
        control: control.as_ref().map(Destination::spans),
        report: report(),
    };
    let batch = trace::BatchConfigBuilder::default()
        .with_scheduled_delay(BATCH_DELAY)
        .with_max_queue_size(QUEUE_SIZE)
        .build();
    let tracers = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_span_processor(BatchSpanProcessor::builder(spans).with_batch_config(batch).build())
        .build();
    let metrics = Recorder {
        real: real.metrics(),
        control: control.as_ref().map(Destination::metrics),
        report: report(),
    };
    // Content is collected once, at the end.
    let interval = if options.content { Duration::from_secs(3600) } else { BATCH_DELAY };
    let meters = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(PeriodicReader::builder(metrics).with_interval(interval).build())
        .with_view(exponential)
        .build();
    let records = Recorder {
        real: real.logs(),
        control: control.as_ref().map(Destination::logs),
        report: report(),
    };
    let batch = logs::BatchConfigBuilder::default()
        .with_scheduled_delay(BATCH_DELAY)
        .with_max_queue_size(QUEUE_SIZE)
        .build();
    let loggers = SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_log_processor(BatchLogProcessor::builder(records).with_batch_config(batch).build())
        .build();
    Providers { tracers, meters, loggers }
}

/// Makes plain items of each signal at the wanted rate.
fn load(options: &Options, providers: &Providers) {
    let tracer = providers.tracers.tracer("load");
    let gauge = providers.meters.meter("load").i64_gauge("load").build();
    let logger = providers.loggers.logger("load");
    let begin = Instant::now();
    for item in 0..options.count {
        if options.rate > 0.0 {
            let due = begin + Duration::from_secs_f64(item as f64 / options.rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let attributes = vec![KeyValue::new("item", item)];
        if options.has("metrics") {
            gauge.record(item, &attributes);
        }
        if options.has("logs") {
            let mut record = logger.create_log_record();
            record.set_body("load".into());
            record.add_attribute("item", item);
            logger.emit(record);
        }
        if options.has("traces") {
            let builder = SpanBuilder::from_name("load").with_attributes(attributes);
            tracer.build_with_context(builder, &Context::new()).end();
        }
    }
}

fn fill(options: &Options, providers: &Providers) {
    let scope = InstrumentationScope::builder("content")
        .with_version("1.2.3")
        .with_schema_url(content::SCHEMA)
        .with_attributes(content::all_kinds())
        .build();
    if options.has("traces") {
        content::spans(&providers.tracers.tracer_with_scope(scope.clone()), options.count);
    }
    if options.has("metrics") {
        content::metrics(&providers.meters.meter_with_scope(scope.clone()), options.count);
    }
    if options.has("logs") {
        content::logs(&providers.loggers.logger_with_scope(scope), options.count);
    }
}

fn main() {
    let options = Options::parse();
    rustls::crypto::ring::default_provider().install_default().expect("a provider of TLS");
    let report = Arc::new(Report::default());
    // tonic needs a runtime; the blocking client of reqwest brings its own.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let guard = options.grpc.then(|| runtime.enter());
    let providers = start(&options, &report);
    if options.content {
        fill(&options, &providers);
    } else {
        load(&options, &providers);
    }
    report.check(providers.tracers.force_flush());
    report.check(providers.meters.force_flush());
    report.check(providers.loggers.force_flush());
    let _ = providers.tracers.shutdown();
    let _ = providers.meters.shutdown();
    let _ = providers.loggers.shutdown();
    drop(guard);
    println!("{}", report.json(&options.signals, options.count));
}
