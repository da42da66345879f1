// Exporters that note what the SDK was told of each batch.
import {ExportResultCode} from '@opentelemetry/core';

const now = () => (performance.timeOrigin + performance.now()) / 1000;

// Everything that an error says; a failed connection has its words in `cause` or `errors`.
export function words(error) {
  if (!error) return '';
  if (Array.isArray(error)) return error.map(words).join(', ');
  const inner = [error.cause, ...(error.errors ?? [])].map(words);
  return [error.name, error.code, error.message, error.data, ...inner].filter(Boolean).join(' ');
}

export class Report {
  constructor(produced) {
    Object.assign(this, {produced, exports: [], errors: []});
  }

  sdkError(...args) {
    this.errors.push(args.map((one) => (typeof one === 'object' ? words(one) : String(one))).join(' '));
  }
}

const itemsOf = {
  traces: (spans) => spans.map((span) => span.attributes),
  logs: (records) => records.map((record) => record.attributes),
  metrics: (data) => data.scopeMetrics.flatMap((scope) => scope.metrics).flatMap(
    (metric) => metric.dataPoints.map((point) => point.attributes)),
};

// Stands in front of an exporter of the SDK, and of a second one that gets the same.
export class Recorder {
  constructor(signal, real, control, report) {
    Object.assign(this, {signal, real, control, report});
  }

  export(batch, done) {
    const items = itemsOf[this.signal](batch).map((attributes) => attributes.item).filter(
      (item) => item !== undefined);
    if (this.signal === 'metrics' && batch.scopeMetrics.length === 0) {
      done({code: ExportResultCode.SUCCESS});
      return;
    }
    this.control?.export(batch, (result) => {
      if (result.code !== ExportResultCode.SUCCESS) this.report.sdkError(result.error);
    });
    const begin = now();
    this.real.export(batch, (result) => {
      const ok = result.code === ExportResultCode.SUCCESS;
      this.report.exports.push(
        {signal: this.signal, items, ok, error: words(result.error), begin, end: now()});
      done(result);
    });
  }

  selectAggregationTemporality(kind) {
    return this.real.selectAggregationTemporality(kind);
  }

  selectAggregation(kind) {
    return this.real.selectAggregation(kind);
  }

  async forceFlush() {
    await Promise.all([this.real.forceFlush(), this.control?.forceFlush()]);
  }

  async shutdown() {
    await Promise.all([this.real.shutdown(), this.control?.shutdown()]);
  }
}
