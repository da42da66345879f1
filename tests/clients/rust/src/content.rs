//! Items that have everything an item can have, with the values at which encoders go wrong.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{
    Link, Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags,
    TraceState, Tracer,
};
use opentelemetry::{Array, Context, Key, KeyValue, SpanId, StringValue, TraceId, Value};

pub const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";
const UNICODE: &str = "Zürich 東京 😀 \0 \" \\ \n \u{2028}";

/// An attribute of every kind.
pub fn all_kinds() -> Vec<KeyValue> {
    let texts: Vec<StringValue> = vec!["a".into(), "".into(), "ß".into()];
    vec![
        KeyValue::new("text", "plain"),
        KeyValue::new("text.empty", ""),
        KeyValue::new("text.unicode", UNICODE),
        KeyValue::new("text.long", "0123456789".repeat(30)),
        KeyValue::new("yes", true),
        KeyValue::new("no", false),
        KeyValue::new("int.zero", 0i64),
        KeyValue::new("int.least", i64::MIN),
        KeyValue::new("int.most", i64::MAX),
        KeyValue::new("double", 0.1),
        KeyValue::new("double.zero", 0.0),
        KeyValue::new("double.least", f64::from_bits(1)),
        KeyValue::new("double.most", f64::MIN),
        KeyValue::new("double.infinite", f64::INFINITY),
        KeyValue::new("double.nan", f64::NAN),
        KeyValue::new("texts", Value::Array(Array::String(texts))),
        KeyValue::new("texts.none", Value::Array(Array::String(vec![]))),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("ints", Value::Array(Array::I64(vec![0, -1, i64::MAX]))),
        KeyValue::new("doubles", Value::Array(Array::F64(vec![0.0, 0.5, 1e300]))),
    ]
}

fn with_item(index: i64) -> Vec<KeyValue> {
    let mut all = all_kinds();
    all.push(KeyValue::new("item", index));
    all
}

fn nested() -> AnyValue {
    let list = vec![AnyValue::Int(1), AnyValue::String("two".into()), AnyValue::Boolean(true)];
    AnyValue::Map(Box::new(HashMap::from([
        (Key::from("bytes"), AnyValue::Bytes(Box::new(vec![0, 1, 254, 255]))),
        (Key::from("list"), AnyValue::ListAny(Box::new(list))),
        (Key::from("map.none"), AnyValue::Map(Box::default())),
    ])))
}

fn kind(index: i64) -> SpanKind {
    let all = [SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer];
    all.get(index as usize % 5).cloned().unwrap_or(SpanKind::Internal)
}

pub fn spans(tracer: &impl Tracer, count: i64) {
    let state = TraceState::from_key_value([("vendor", "value"), ("other", "1")]).expect("a state");
    for index in 0..count {
        let from = SpanContext::new(
            TraceId::from(index as u128 + 1),
            SpanId::from(index as u64 + 1),
            TraceFlags::SAMPLED,
            true,
            state.clone(),
        );
        let parent = Context::new().with_remote_span_context(from.clone());
        let builder = SpanBuilder::from_name(format!("operation {index}"))
            .with_kind(kind(index))
            .with_attributes(with_item(index))
            .with_links(vec![Link::new(from.clone(), all_kinds(), 0), Link::new(from, vec![], 0)]);
        let mut span = tracer.build_with_context(builder, &parent);
        span.add_event("event", all_kinds());
        span.add_event_with_timestamp("", UNIX_EPOCH + Duration::from_nanos(1), vec![]);
        span.set_status(match index % 3 {
            0 => Status::Unset,
            1 => Status::Ok,
            _ => Status::error("described"),
        });
        let inside = parent.with_remote_span_context(span.span_context().clone());
        let short = SpanBuilder::from_name("").with_start_time(UNIX_EPOCH);
        let mut child = tracer.build_with_context(short, &inside);
        child.end_with_timestamp(UNIX_EPOCH + Duration::from_nanos(1));
        span.end();
    }
}

pub fn metrics(meter: &Meter, count: i64) {
    let whole = meter.u64_counter("counter.int").with_description("described").with_unit("By");
    let whole = whole.build();
    let broken = meter.f64_counter("counter.double").with_unit("By").build();
    let both = meter.i64_up_down_counter("updown").with_unit("By").build();
    let gauge = meter.f64_gauge("gauge").with_unit("By").build();
    let buckets = meter.f64_histogram("histogram").with_unit("By").build();
    let powers = meter.f64_histogram("exponential").with_unit("By").build();
    for index in 0..count {
        let attributes = with_item(index);
        let value = index as f64 * 1.5;
        whole.add(index as u64, &attributes);
        broken.add(value, &attributes);
        both.add(-index, &attributes);
        gauge.record(-value, &attributes);
        for factor in [0.0, 0.001, 1.0, 1e6] {
            buckets.record(value * factor, &attributes);
            powers.record(value * factor, &attributes);
        }
    }
    meter
        .i64_observable_gauge("observed")
        .with_callback(|observer| observer.observe(i64::MIN, &all_kinds()))
        .build();
}

pub fn logs(logger: &impl Logger, count: i64) {
    let bodies = [nested(), AnyValue::String("".into()), AnyValue::Int(0), AnyValue::Double(0.5)];
    for index in 0..count {
        let mut record = logger.create_log_record();
        record.set_body(bodies[index as usize % bodies.len()].clone());
        record.set_severity_number(if index % 2 == 0 { Severity::Info } else { Severity::Fatal4 });
        record.set_severity_text("as the application says");
        record.set_trace_context(
            TraceId::from(index as u128 + 1),
            SpanId::from(index as u64 + 1),
            Some(TraceFlags::SAMPLED),
        );
        if index % 2 == 0 {
            record.set_timestamp(UNIX_EPOCH + Duration::from_nanos(1_000_000_001));
            record.set_event_name("event.name");
        }
        record.add_attribute("text.unicode", UNICODE);
        record.add_attribute("no", false);
        record.add_attribute("int.least", i64::MIN);
        record.add_attribute("double.nan", f64::NAN);
        record.add_attribute("nested", nested());
        record.add_attribute("item", index);
        logger.emit(record);
    }
}
