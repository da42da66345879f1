import java.util.Arrays;
import java.util.List;

/** The command line: {@code --name value} pairs. */
record Options(
    String mode,
    String protocol,
    String sender,
    String endpoint,
    String control,
    String compression,
    List<String> signals,
    int count,
    double rate,
    String ca,
    String cert,
    String key) {

  static Options parse(String[] args) {
    return new Options(
        get(args, "mode", "load"),
        get(args, "protocol", "grpc"),
        get(args, "sender", "okhttp"),
        get(args, "endpoint", ""),
        get(args, "control", ""),
        get(args, "compression", "none"),
        Arrays.asList(get(args, "signals", "traces").split(",")),
        Integer.parseInt(get(args, "count", "100")),
        Double.parseDouble(get(args, "rate", "0")),
        get(args, "ca", ""),
        get(args, "cert", ""),
        get(args, "key", ""));
  }

  private static String get(String[] args, String name, String standard) {
    int at = Arrays.asList(args).indexOf("--" + name);
    return at < 0 ? standard : args[at + 1];
  }

  boolean has(String signal) {
    return signals.contains(signal);
  }

  boolean grpc() {
    return protocol.equals("grpc");
  }

  boolean content() {
    return mode.equals("content");
  }
}
