import io.opentelemetry.sdk.common.CompletableResultCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What the program prints: each call of an exporter, and what the SDK logged. */
final class Report extends Handler {
  private final List<String> exports = new ArrayList<>();
  private final List<String> errors = new ArrayList<>();

  /** Starts to collect what the SDK logs. */
  static Report start() {
    Report report = new Report();
    Logger root = Logger.getLogger("");
    for (Handler handler : root.getHandlers()) {
      root.removeHandler(handler);
    }
    root.addHandler(report);
    report.setLevel(Level.WARNING);
    return report;
  }

  private static double now() {
    return System.currentTimeMillis() / 1e3;
  }

  /** Runs one export and notes how it ended. */
  CompletableResultCode timed(
      String signal, List<Long> items, Supplier<CompletableResultCode> export) {
    double begin = now();
    CompletableResultCode result = export.get();
    return result.whenComplete(
        () -> {
          String error = result.isSuccess() ? "" : words(result.getFailureThrowable());
          synchronized (this) {
            exports.add(
                String.format(
                    "{\"signal\":%s,\"items\":%s,\"ok\":%s,\"error\":%s,\"begin\":%s,\"end\":%s}",
                    quoted(signal), items, result.isSuccess(), quoted(error), begin, now()));
          }
        });
  }

  private static String words(Throwable thrown) {
    StringJoiner all = new StringJoiner(": ");
    for (; thrown != null; thrown = thrown.getCause()) {
      all.add(String.valueOf(thrown));
    }
    return all.length() == 0 ? "failed" : all.toString();
  }

  synchronized void error(String text) {
    errors.add(quoted(text));
  }

  @Override
  public void publish(LogRecord record) {
    if (isLoggable(record)) {
      String thrown = record.getThrown() == null ? "" : " " + words(record.getThrown());
      error(record.getMessage() + thrown);
    }
  }

  @Override
  public void flush() {}

  @Override
  public void close() {}

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    return out.append('"').toString();
  }

  synchronized String json(Map<String, Integer> produced) {
    StringJoiner counts = new StringJoiner(",", "{", "}");
    produced.forEach((signal, count) -> counts.add(quoted(signal) + ":" + count));
    return "{\"produced\":" + counts + ",\"exports\":" + exports + ",\"errors\":" + errors + "}";
  }
}
