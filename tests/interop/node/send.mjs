// Usage: node send.mjs grpc|proto|json ENDPOINT COUNT
// Sends COUNT spans, counters and log records with the Node SDK; prints their names as JSON.
import {logs} from '@opentelemetry/api-logs';
import {metrics, trace} from '@opentelemetry/api';
import {NodeSDK, logs as sdkLogs, metrics as sdkMetrics, tracing} from '@opentelemetry/sdk-node';

const [protocol, endpoint, count] = process.argv.slice(2);
const kinds = {grpc: 'grpc', proto: 'proto', json: 'http'};

async function exporter(signal, name) {
  const library = await import(`@opentelemetry/exporter-${signal}-otlp-${kinds[protocol]}`);
  const path = {trace: '/v1/traces', metrics: '/v1/metrics', logs: '/v1/logs'}[signal];
  return new library[name]({url: protocol === 'grpc' ? `http://${endpoint}` : endpoint + path});
}

const reader = new sdkMetrics.PeriodicExportingMetricReader({
  exporter: await exporter('metrics', 'OTLPMetricExporter'), exportIntervalMillis: 60000});
const sdk = new NodeSDK({
  spanProcessors: [new tracing.BatchSpanProcessor(await exporter('trace', 'OTLPTraceExporter'))],
  metricReaders: [reader],
  logRecordProcessors: [
    new sdkLogs.BatchLogRecordProcessor({exporter: await exporter('logs', 'OTLPLogExporter')})],
  instrumentations: [],
});
sdk.start();

const run = `${process.pid}.${Date.now()}`;
const sent = [];
for (let i = 0; i < Number(count); i++) {
  trace.getTracer('interop').startSpan(`span.${run}.${i}`).end();
  metrics.getMeter('interop').createCounter(`counter.${run}.${i}`).add(27477);
  logs.getLogger('interop').emit({body: `record.${run}.${i}`});
  sent.push(['traces', `span.${run}.${i}`], ['metrics', `counter.${run}.${i}`],
            ['logs', `record.${run}.${i}`]);
}
await sdk.shutdown();
console.log(JSON.stringify(sent));
