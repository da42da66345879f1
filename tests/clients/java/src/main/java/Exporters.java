import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The exporters of one destination: the one under test, or the control. */
final class Exporters {
  private static final Map<String, String> HTTP_SENDERS =
      Map.of(
          "okhttp", "io.opentelemetry.exporter.sender.okhttp.internal.OkHttpHttpSenderProvider",
          "jdk", "io.opentelemetry.exporter.sender.jdk.internal.JdkHttpSenderProvider");
  private static final Map<String, String> GRPC_SENDERS =
      Map.of(
          "okhttp", "io.opentelemetry.exporter.sender.okhttp.internal.OkHttpGrpcSenderProvider",
          "channel",
              "io.opentelemetry.exporter.sender.grpc.managedchannel.internal"
                  + ".UpstreamGrpcSenderProvider");

  private final boolean grpc;
  private final boolean channels;
  private final String url;
  private final String compression;
  private final boolean delta;
  private byte[] ca;
  private byte[] cert;
  private byte[] key;

  private Exporters(Options options, String url, String compression) {
    this.grpc = options.grpc();
    this.channels = options.sender().equals("channel");
    this.url = url;
    this.compression = compression;
    this.delta = !options.content();
  }

  /** Which of the senders on the class path the SDK takes. */
  static void choose(Options options) {
    String kind = "io.opentelemetry.sdk.common.export.";
    String http = HTTP_SENDERS.getOrDefault(options.sender(), HTTP_SENDERS.get("okhttp"));
    String grpc = GRPC_SENDERS.getOrDefault(options.sender(), GRPC_SENDERS.get("okhttp"));
    System.setProperty(kind + "HttpSenderProvider", http);
    System.setProperty(kind + "GrpcSenderProvider", grpc);
  }

  static Exporters real(Options options) throws IOException {
    String scheme = options.ca().isEmpty() ? "http://" : "https://";
    Exporters made = new Exporters(options, scheme + options.endpoint(), options.compression());
    if (!options.ca().isEmpty()) {
      made.ca = Files.readAllBytes(Path.of(options.ca()));
    }
    if (!options.cert().isEmpty()) {
      made.cert = Files.readAllBytes(Path.of(options.cert()));
      made.key = Files.readAllBytes(Path.of(options.key()));
    }
    return made;
  }

  static Exporters control(Options options) {
    return new Exporters(options, "http://" + options.control(), "none");
  }

  /** The grpc-java sender takes no certificates: who needs TLS gives it a channel. */
  private boolean ownChannel() {
    return channels && ca != null;
  }

  private ManagedChannel channel() {
    try {
      var credentials =
          TlsChannelCredentials.newBuilder().trustManager(new ByteArrayInputStream(ca));
      if (cert != null) {
        credentials.keyManager(new ByteArrayInputStream(cert), new ByteArrayInputStream(key));
      }
      String target = url.substring(url.indexOf("//") + 2);
      return Grpc.newChannelBuilder(target, credentials.build()).build();
    } catch (IOException error) {
      throw new IllegalArgumentException(error);
    }
  }

  private AggregationTemporalitySelector temporality() {
    return delta
        ? AggregationTemporalitySelector.deltaPreferred()
        : AggregationTemporalitySelector.alwaysCumulative();
  }

  SpanExporter spans() {
    if (grpc) {
      var builder = OtlpGrpcSpanExporter.builder().setEndpoint(url).setCompression(compression);
      if (ownChannel()) {
        return builder.setChannel(channel()).build();
      }
      if (ca != null) {
        builder.setTrustedCertificates(ca);
      }
      if (cert != null) {
        builder.setClientTls(key, cert);
      }
      return builder.build();
    }
    var builder =
        OtlpHttpSpanExporter.builder()
            .setEndpoint(url + "/v1/traces")
            .setCompression(compression);
    if (ca != null) {
      builder.setTrustedCertificates(ca);
    }
    if (cert != null) {
      builder.setClientTls(key, cert);
    }
    return builder.build();
  }

  MetricExporter metrics() {
    if (grpc) {
      var builder =
          OtlpGrpcMetricExporter.builder()
              .setEndpoint(url)
              .setCompression(compression)
              .setAggregationTemporalitySelector(temporality());
      if (ownChannel()) {
        return builder.setChannel(channel()).build();
      }
      if (ca != null) {
        builder.setTrustedCertificates(ca);
      }
      if (cert != null) {
        builder.setClientTls(key, cert);
      }
      return builder.build();
    }
    var builder =
        OtlpHttpMetricExporter.builder()
            .setEndpoint(url + "/v1/metrics")
            .setCompression(compression)
            .setAggregationTemporalitySelector(temporality());
    if (ca != null) {
      builder.setTrustedCertificates(ca);
    }
    if (cert != null) {
      builder.setClientTls(key, cert);
    }
    return builder.build();
  }

  LogRecordExporter logs() {
    if (grpc) {
      var builder =
          OtlpGrpcLogRecordExporter.builder().setEndpoint(url).setCompression(compression);
      if (ownChannel()) {
        return builder.setChannel(channel()).build();
      }
      if (ca != null) {
        builder.setTrustedCertificates(ca);
      }
      if (cert != null) {
        builder.setClientTls(key, cert);
      }
      return builder.build();
    }
    var builder =
        OtlpHttpLogRecordExporter.builder()
            .setEndpoint(url + "/v1/logs")
            .setCompression(compression);
    if (ca != null) {
      builder.setTrustedCertificates(ca);
    }
    if (cert != null) {
      builder.setClientTls(key, cert);
    }
    return builder.build();
  }
}
