// A program that uses the JavaScript SDK as its documentation shows it. The command line and the
// report are those of tests/clients/README.md.
import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';

import {credentials} from '@grpc/grpc-js';
import {DiagLogLevel, diag} from '@opentelemetry/api';
import {resourceFromAttributes} from '@opentelemetry/resources';
import {BatchLogRecordProcessor, LoggerProvider} from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality, AggregationType, MeterProvider, PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {BasicTracerProvider, BatchSpanProcessor} from '@opentelemetry/sdk-trace-base';

import {CUT_LENGTH, allKinds, content, cut} from './content.mjs';
import {Recorder, Report} from './record.mjs';

const BATCH_DELAY = 100;
const QUEUE_SIZE = 1 << 16;

const text = (standard) => ({type: 'string', default: standard});
const {values: options} = parseArgs({options: {
  'mode': text('load'), 'protocol': text('grpc'), 'endpoint': text(''), 'control': text(''),
  'compression': text('none'), 'signals': text('traces'), 'count': text('100'),
  'rate': text('0'), 'ca': text(''), 'cert': text(''), 'key': text(''),
}});
options.signals = options.signals.split(',');
options.count = Number(options.count);

const report = new Report(
  Object.fromEntries(options.signals.map((signal) => [signal, options.count])));
const complain = (...args) => report.sdkError(...args);

const LIBRARIES = {grpc: 'grpc', http: 'proto', json: 'http'};
const EXPORTERS = {
  traces: ['trace', 'OTLPTraceExporter'],
  metrics: ['metrics', 'OTLPMetricExporter'],
  logs: ['logs', 'OTLPLogExporter'],
};

// The exporter of a signal; plain: without TLS and compression.
async function open(signal, protocol, endpoint, plain) {
  const [library, name] = EXPORTERS[signal];
  const exporters = await import(`@opentelemetry/exporter-${library}-otlp-${LIBRARIES[protocol]}`);
  const scheme = plain || !options.ca ? 'http' : 'https';
  const path = protocol === 'grpc' ? '' : `/v1/${signal}`;
  const settings = {url: `${scheme}://${endpoint}${path}`};
  if (!plain) {
    settings.compression = options.compression;
    const file = (name) => (options[name] ? readFileSync(options[name]) : undefined);
    const [ca, key, cert] = ['ca', 'key', 'cert'].map(file);
    if (ca && protocol === 'grpc') {
      settings.credentials = credentials.createSsl(ca, key ?? null, cert ?? null);
    } else if (ca) {
      settings.httpAgentOptions = {ca, cert, key};
    }
  }
  if (signal === 'metrics' && options.mode === 'load') {
    settings.temporalityPreference = AggregationTemporality.DELTA;
  }
  return new exporters[name](settings);
}

async function recorder(signal) {
  const real = await open(signal, options.protocol, options.endpoint, false);
  const protocol = options.protocol === 'grpc' ? 'grpc' : 'http';
  const control = options.control && await open(signal, protocol, options.control, true);
  return new Recorder(signal, real, control || undefined, report);
}

async function start() {
  const resource = resourceFromAttributes({...allKinds, 'service.name': 'client-js'});
  const batch = {scheduledDelayMillis: BATCH_DELAY, maxQueueSize: QUEUE_SIZE};
  const limits = options.mode === 'cut' ? {attributeValueLengthLimit: CUT_LENGTH} : {};
  const tracers = new BasicTracerProvider({
    resource, spanLimits: limits,
    spanProcessors: [new BatchSpanProcessor(await recorder('traces'), batch)]});
  const reader = new PeriodicExportingMetricReader({
    // The reader's time limit cannot be longer than its interval: load() collects more often.
    exporter: await recorder('metrics'), exportIntervalMillis: 3600_000});
  const powers = {type: AggregationType.EXPONENTIAL_HISTOGRAM};
  const meters = new MeterProvider({
    resource, readers: [reader],
    views: [{instrumentName: 'exponential', aggregation: powers}]});
  const loggers = new LoggerProvider({
    resource, logRecordLimits: limits, processors: [
      new BatchLogRecordProcessor({exporter: await recorder('logs'), ...batch})]});
  return {tracers, meters, loggers};
}

// Makes options.count plain items of each signal at options.rate.
async function load({tracers, meters, loggers}) {
  const tracer = tracers.getTracer('load');
  const gauge = meters.getMeter('load').createGauge('load');
  const logger = loggers.getLogger('load');
  const rate = Number(options.rate);
  let collecting = true;
  const collect = async () => {
    for (; collecting; await sleep(BATCH_DELAY)) await meters.forceFlush().catch(complain);
  };
  const collected = options.signals.includes('metrics') && collect();
  const begin = performance.now();
  for (let item = 0; item < options.count; item++) {
    const due = rate ? begin + item / rate * 1000 : 0;
    if (due > performance.now()) await sleep(due - performance.now());
    const attributes = {item};
    if (options.signals.includes('traces')) tracer.startSpan('load', {attributes}).end();
    if (options.signals.includes('metrics')) gauge.record(item, attributes);
    if (options.signals.includes('logs')) logger.emit({body: 'load', attributes});
  }
  collecting = false;
  await collected;
}

const silent = () => {};
diag.setLogger({error: complain, warn: complain, info: silent, debug: silent, verbose: silent},
  DiagLogLevel.WARN);
const providers = await start();
await {load, content: (all) => content(options, all), cut: (all) => cut(options, all)}[
  options.mode](providers);
for (const end of ['forceFlush', 'shutdown']) {
  for (const provider of Object.values(providers)) await provider[end]().catch(complain);
}
console.log(JSON.stringify(report));
