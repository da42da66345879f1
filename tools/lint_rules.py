"""The rules of tools/lint.py as data: floors, owners of libraries, bans with their replacement."""

import re

# Floor of each room, lowest first. A file includes its own room and lower floors only.
FLOORS = {
    "base": 0,
    "wire": 1, "io": 1, "telemetry": 1,
    "config": 2, "net": 2, "otlp": 2,
    "endpoint": 3,
    "pipeline": 4,
    "journal": 5,
    "sending": 6, "takeover": 6,
    "routing": 7,
    "queue": 8,
    "receiver": 9, "processor": 9, "connector": 9, "exporter": 9, "extension": 9,
    "service": 10,
    "cli": 11,
} 
# Sub-folders of large rooms, lowest first. A file includes its own sub-folder and those before it;
# files directly in the room, and tests, may include all of them.
SUBFLOORS = {
    "net": ("loop", "tls", "http", "http1", "http2", "server", "grpc", "dial"),
    "service": ("config", "plan", "graph", "telemetry", "admin"),
    "cli": ("process", "config", "traffic", "commands"),
}
COMPONENT_KINDS = ("receiver", "processor", "connector", "exporter", "extension")

# Library (by a pattern on the include path) -> the rooms that own it. "" = any room.
COMPONENTS = COMPONENT_KINDS
LIBRARIES = [
    ("fmt", re.compile(r"fmt/"), ("",)),
    ("CLI11", re.compile(r"CLI/"), ("cli",)),
    ("Boost", re.compile(r"boost/"), ("net",)),
    ("nghttp2", re.compile(r"nghttp2/"), ("net",)),
    ("OpenSSL", re.compile(r"openssl/(?!evp)"), ("net",)),
    ("OpenSSL's digests", re.compile(r"openssl/evp"), ("net", "wire")),
    ("c-ares", re.compile(r"ares"), ("net",)),
    ("libyaml", re.compile(r"yaml\.h"), ("config",)),
    ("ISA-L", re.compile(r"(isa-l|igzip_lib)"), ("wire",)),
    ("libdeflate", re.compile(r"libdeflate\.h"), ("wire",)),
    ("zlib", re.compile(r"(zlib|zconf)\.h"), ("wire",)),
    ("zstd", re.compile(r"zstd"), ("wire",)),
    ("lz4", re.compile(r"lz4"), ("wire",)),
    ("snappy", re.compile(r"snappy"), ("wire",)),
    ("simdjson", re.compile(r"simdjson"), ("wire",)),
    ("RE2", re.compile(r"re2/"), ("base", *COMPONENTS)),
]
TEST_LIBRARIES = re.compile(r"(gtest|gmock|rapidcheck|benchmark|grpcpp|google/protobuf)/")

# System headers that open files or sockets -> the rooms that may call the system for it.
SYSTEM = [
    # telemetry writes the log and reads its process's figures: it stands beside io, not on it. cli
    # controls processes: signals, the pid file, the children of the demo.
    (re.compile(r"(sys/(socket|epoll|eventfd|timerfd|un)|netinet/.*|arpa/inet|netdb)\.h"),
     ("net", "cli")),
    (re.compile(r"(fcntl|dirent|sys/(mman|uio|stat|file|statvfs))\.h"),
     ("io", "net", "telemetry", "cli")),
]

# (pattern on code without comments and strings, what to use instead, rooms that are exempt because
# they are the replacement, whether it holds in tests too)
BANS = [
    (r"\bstd::regex\b|<regex>", "RE2", (), True),
    (r"<iostream>|\bstd::c(out|err)\b", "telemetry/log.h, or fmt and io", (), True),
    (r"<format>|\bstd::format\b", "fmt/format.h (g++ 12 has no <format>)", (), True),
    (r"<filesystem>|\bstd::filesystem\b", "io/", ("io",), False),
    (r"\bstd::async\b", "a worker's Post or a named service thread", (), True),
    (r"\bstd::thread\b(?!::(id|hardware_concurrency))", "std::jthread", (), True),
    (r"\bstd::atomic\s*<\s*std::shared_ptr", "a snapshot by Post, or a Mutex", (), True),
    (r"\bvolatile\b", "std::atomic", (), True),
    (r"\bstd::(mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock|condition_variable)\b",
     "Mutex of base/mutex.h", ("base",), False),
    (r"\bstd::chrono::(system|steady|high_resolution)_clock::now\b", "the loop's clock",
     ("base", "io", "net", "telemetry", "cli"), False),
    (r"\b(s?rand|drand48|random)\s*\(\s*\)|\bstd::(random_device|mt19937(_64)?)\b", "base/rng.h",
     ("base",), True),
    (r"\bco_(await|return|yield)\b", "callbacks and state machines (g++ 12 miscompiles coroutines)",
     (), True),
    (r"\busing\s+namespace\b(?!\s+std::(literals|chrono_literals|string_literals"
     r"|string_view_literals|literals::\w+)\b)", "the names themselves", (), True),
    (r"(?<![\w.>:])assert\s*\(", "GAPLESS_CHECK or GAPLESS_DCHECK of base/check.h", (), True),
    (r"\bdynamic_cast\b|\btypeid\b", "a virtual function or an enum", (), True),
    # A literal thrown in consteval code is a compile-time error; literals are blank here.
    # CLI11 hears of a bad value only by its own exception.
    (r"\bthrow\b(?!\s*;)(?!\s+CLI::)", "Status of base/status.h", (), True),
    # io runs on service threads, where a system call may block.
    (r"\bsleep_for\b|\bsleep_until\b|\b(u|nano)?sleep\s*\(", "a timer of the loop", ("io",), False),
    (r"\bmalloc\s*\(|\bfree\s*\(", "containers or std::unique_ptr", ("base", "wire"), False),
] 
BANS = [(re.compile(pattern), *rest) for pattern, *rest in BANS]

# In every text file. Paths are written so that this file does not match itself.
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(?:wo" r"rk|ro" r"ot|fa" r"rm|Us" r"ers)/[\w.]")
UNNUMBERED = re.compile(r"\bTO" r"DO\b(?!\(#\d+\))|\bFIX" r"ME\b|\bX" r"XX\b")

COLUMNS = 100
PRODUCT_LINES_MAX = 500
FILE_LINES_MAX = 800  # tests
FUNCTION_LINES_MAX = 70
# Of a class of the product. A value type has few members and may have more methods.
CLASS_METHODS_MAX = 30
CLASS_MEMBERS_MAX = 18
CLASS_FILES_MAX = 2
VALUE_MEMBERS_MAX = 6
VALUE_METHODS_MAX = 40
