// Items that have everything an item can have, with the values at which encoders go wrong.
import {ROOT_CONTEXT, TraceFlags, createTraceState, trace} from '@opentelemetry/api';

export const SCHEMA = 'https://opentelemetry.io/schemas/1.37.0';

// An attribute of every kind.
export const allKinds = {
  'text': 'plain',
  'text.empty': '',
  'text.unicode': 'Zürich 東京 😀 \u0000 " \\ \n \u2028',
  'text.long': '0123456789'.repeat(30),
  'yes': true,
  'no': false,
  'int.zero': 0,
  'int.least': Number.MIN_SAFE_INTEGER,
  'int.most': Number.MAX_SAFE_INTEGER,
  'double': 0.1,
  'double.least': Number.MIN_VALUE,
  'double.most': -1.7e15 - 0.5,
  'texts': ['a', '', 'ß'],
  'texts.none': [],
  'bools': [true, false],
  'ints': [0, -1, 1],
  'doubles': [0.25, 0.5, 1e-300],
};

// What only attributes of log records and their bodies can hold.
const nested = {
  'bytes': new Uint8Array([0, 1, 254, 255]),
  'bytes.none': new Uint8Array(0),
  'list': [1, 'two', {three: true}, null],
  'map.none': {},
};

function contentSpans(count, tracers) {
  const tracer = tracers.getTracer('content', '1.2.3', {schemaUrl: SCHEMA});
  for (let index = 0; index < count; index++) {
    const from = {
      traceId: String(index + 1).padStart(32, '0'), spanId: String(index + 1).padStart(16, '0'),
      traceFlags: TraceFlags.SAMPLED, isRemote: true,
      traceState: createTraceState('vendor=value,other=1'),
    };
    const context = trace.setSpanContext(ROOT_CONTEXT, from);
    const options = {
      kind: index % 5, attributes: {...allKinds, item: index},
      links: [{context: from, attributes: allKinds}, {context: from}],
    };
    const span = tracer.startSpan(`operation ${index}`, options, context);
    span.addEvent('event', allKinds);
    span.addEvent('', {}, [0, 1]);
    span.setStatus({code: index % 3, message: 'described'});
    const child = tracer.startSpan('', {startTime: [0, 1]}, trace.setSpan(context, span));
    child.end([0, 1]);
    span.end();
  }
}

function contentMetrics(count, meters) {
  const meter = meters.getMeter('content', '1.2.3', {schemaUrl: SCHEMA});
  const about = {description: 'described', unit: 'By'};
  const whole = meter.createCounter('counter.int', {...about, valueType: 0});
  const broken = meter.createCounter('counter.double', {...about, valueType: 1});
  const both = meter.createUpDownCounter('updown', about);
  const gauge = meter.createGauge('gauge', about);
  const buckets = meter.createHistogram('histogram', about);
  const powers = meter.createHistogram('exponential', about);
  for (let index = 0; index < count; index++) {
    const attributes = {...allKinds, item: index};
    const value = index * 1.5;
    whole.add(index, attributes);
    broken.add(value, attributes);
    both.add(-index - 1, attributes);
    gauge.record(-value - 1, attributes);
    for (const factor of [0, 0.001, 1, 1e6]) {
      buckets.record(value * factor, attributes);
      powers.record(value * factor, attributes);
    }
  }
  const observed = meter.createObservableGauge('observed');
  observed.addCallback((result) => result.observe(-1.5, allKinds));
}

function contentLogs(count, loggers) {
  const logger = loggers.getLogger('content', '1.2.3', {schemaUrl: SCHEMA});
  const context = trace.setSpanContext(ROOT_CONTEXT, {
    traceId: '1'.padStart(32, '0'), spanId: '2'.padStart(16, '0'),
    traceFlags: TraceFlags.SAMPLED});
  const bodies = [nested, nested.list, nested.bytes, ...Object.values(allKinds)];
  for (let index = 0; index < count; index++) {
    const record = {
      body: bodies[index % bodies.length], severityNumber: index % 25,
      severityText: 'as the application says', context,
      attributes: {...allKinds, nested, item: index},
    };
    if (index % 2 === 0) {
      record.timestamp = [1, 1];
      record.eventName = 'event.name';
    }
    logger.emit(record);
  }
}

export function content(options, {tracers, meters, loggers}) {
  if (options.signals.includes('traces')) contentSpans(options.count, tracers);
  if (options.signals.includes('metrics')) contentMetrics(options.count, meters);
  if (options.signals.includes('logs')) contentLogs(options.count, loggers);
}

// The SDK's limit on the length of a value cuts this text inside its last character.
export const CUT_LENGTH = 5;

export function cut(options, {tracers, loggers}) {
  for (let index = 0; index < options.count; index++) {
    const attributes = {text: 'abcd😀', item: index};
    tracers.getTracer('cut').startSpan('cut', {attributes}).end();
    loggers.getLogger('cut').emit({body: 'cut', attributes});
  }
}
