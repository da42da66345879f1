"""Every rule of lint.py must find its bad sample and leave the good one alone."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import lint
from cpp_outline import functions

LONG_BODY = "\n".join("  f();" for _ in range(70))


def findings(files):
    """Runs the linter over a made-up tree; a README for each room unless one is given."""
    with tempfile.TemporaryDirectory() as folder:
        tree = {"src/base/README.md": "b", "src/net/README.md": "n", "src/wire/README.md": "w",
                "src/service/README.md": "s", "src/exporter/a/README.md": "a", **files}
        for name, text in tree.items():
            if text is None:
                continue
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with contextlib.redirect_stdout(io.StringIO()):
            return lint.lint(folder)


BAD = {
    "a higher floor": ("src/base/x.cc", '#include "net/y.h"\n', "must not include net"),
    "a sibling": ("src/net/x.cc", '#include "config/y.h"\n', "must not include config"),
    "a higher sub-folder": ("src/net/loop/x.cc", '#include "net/dial/y.h"\n', "stands below dial"),
    "a sub-folder nobody drew": ("src/net/misc/x.cc", "int x;\n", "no sub-folder of net"),
    "another component": ("src/exporter/a/x.cc", '#include "exporter/b/y.h"\n', "must not include"),
    "a room nobody drew": ("src/misc/x.cc", "int x;\n", "lies in no room"),
    "tests in the product": ("src/net/x.cc", '#include "tests/support/y.h"\n', "include tests"),
    "a harness in the product": ("src/net/x.cc", '#include "net/a_harness.h"\n', "include tests"),
    "a foreign library": ("src/wire/x.cc", "#include <nghttp2/nghttp2.h>\n", "belongs to net"),
    "a test library": ("src/net/x.cc", "#include <gtest/gtest.h>\n", "a test library"),
    "fmt in a header": ("src/net/x.h", '#pragma once\n#include "fmt/format.h"\n', "in a header"),
    "sockets outside net": ("src/wire/x.cc", "#include <sys/socket.h>\n", "live in net"),
    "no pragma once": ("src/net/x.h", "int x;\n", "#pragma once is missing"),
    "std::regex": ("src/net/x.cc", "std::regex r;\n", "use RE2"),
    "<iostream>": ("src/net/x.cc", "#include <iostream>\n", "use telemetry/log.h"),
    "std::thread": ("src/net/x.cc", "std::thread t;\n", "use std::jthread"),
    "std::mutex": ("src/net/x.cc", "std::mutex m;\n", "use Mutex"),
    "a clock": ("src/wire/x.cc", "auto t = std::chrono::steady_clock::now();\n", "use the loop"),
    "randomness": ("src/net/x.cc", "std::mt19937 g;\n", "use base/rng.h"),
    "a coroutine": ("src/net/x.cc", "co_await x;\n", "use callbacks"),
    "using namespace": ("src/net/x.cc", "using namespace std;\n", "use the names"),
    "assert": ("src/net/x.cc", "void F() { assert(x); }\n", "use GAPLESS_CHECK"),
    "throw": ("src/net/x.cc", "void F() { throw Error(); }\n", "use Status"),
    "sleeping": ("src/net/x.cc", "void F() { usleep(1); }\n", "use a timer"),
    "volatile": ("src/net/x.cc", "volatile int x;\n", "use std::atomic"),
    "dynamic_cast": ("src/net/x.cc", "auto* p = dynamic_cast<A*>(q);\n", "use a virtual"),
    "a wide line": ("src/net/x.cc", "// " + "x" * 98 + "\n", "101 columns"),
    "a long file": ("src/net/x.cc", "int x;\n" * 501, "501 lines"),
    "a long function": ("src/net/x.cc", "void A::F() {\n" + LONG_BODY + "\n}\n", "A::F has 72"),
    "a long method": ("src/net/x.cc", "class A {\n int F() const {\n" + LONG_BODY + "\n}\n};\n",
                      "F has 72"),
    "a long test": ("src/net/x_test.cc", "TEST(A, B) {\n" + LONG_BODY + "\n}\n", "TEST(A, B) has"),
    "a class of many methods":
        ("src/net/x.h", "#pragma once\nclass A {\n" + "  void F(int a = 1) { g(); }\n" * 31 +
         "  int b_ = 0;\n" * 7 + "};\n", "A has 31 methods, at most 30"),
    "a class of many members":
        ("src/net/x.h", "#pragma once\nstruct A {\n" + "  std::vector<int> b{};\n" * 19 + "};\n",
         "A has 19 data members"),
    "a to-do": ("src/net/x.cc", "// TO" "DO: later\n", "number of its issue"),
    "a machine's path": ("docs/x.md", "see /ro" "ot/x\n", "a path of one machine"),
    "a dead link": ("docs/x.md", "see [there](../src/gone.h)\n", "../src/gone.h is not there"),
    "no README": ("src/net/README.md", None, "README.md is missing"),
}
GOOD = {
    "links": ("docs/x.md", "[a](../src/base/README.md#b) [c](https://example.com/d)\n"),
    "lower floors and the own room":
        ("src/net/y.cc", '#include "base/z.h"\n#include "net/z.h"\n'),
    "what a comment or a literal says":
        ("src/net/y.cc", '// throw volatile std::regex\nauto* s = "std::mutex throw";\n'),
    "a deleted function": ("src/net/y.cc", "struct A { A(const A&) = delete; };\n"),
    "static_assert and method names":
        ("src/net/y.cc", "static_assert(true);\nvoid F() { q.assert_that(1); }\n"),
    "the owner's library": ("src/net/y.cc", "#include <nghttp2/nghttp2.h>\n"),
    "a private header of the owner":
        ("src/net/y.h", "#pragma once\n#include <nghttp2/nghttp2.h>\n"),
    "a numbered to-do": ("src/net/y.cc", "// TO" "DO(#7): faster\n"),
    "literals as namespace": ("src/net/y.cc", "using namespace std::chrono_literals;\n"),
    "seventy lines": ("src/net/y.cc", "void F() {\n" + "  f();\n" * 68 + "}\n"),
    "a value type":
        ("src/net/y.h",
         "#pragma once\nclass A {\n" + "  int F() const;\n" * 40 + "  int b_;\n};\n"),
    "what is no method":
        ("src/net/y.h",
         "#pragma once\nclass A {\n" + "  A(int) = delete;\n  using B = C(int);\n" * 31 +
         "  std::function<void()> f_;\n};\n"),
    "a long table": ("src/net/y.cc", "constexpr int kTable[] = {\n" + "  1,\n" * 100 + "};\n"),
}


class LintTest(unittest.TestCase):
    def test_finds_every_bad_sample(self):
        for label, (name, text, expected) in BAD.items():
            with self.subTest(label):
                found = findings({"src/net/z.cc": "int z;\n", name: text})
                self.assertTrue(any(expected in line for line in found), (expected, found))

    def test_leaves_good_samples_alone(self):
        for label, (name, text) in GOOD.items():
            with self.subTest(label):
                self.assertEqual(findings({name: text}), [])

    def test_a_library_in_a_header_that_another_room_includes_is_found(self):
        found = findings({
            "src/net/y.h": "#pragma once\n#include <nghttp2/nghttp2.h>\n",
            "src/service/z.cc": '#include "net/y.h"\n',
        })
        self.assertEqual(len(found), 1, found)
        self.assertIn("a header that other rooms see", found[0])

    def test_the_own_header_comes_first(self):
        found = findings({
            "src/net/y.h": "#pragma once\n",
            "src/net/y.cc": '#include "base/b.h"\n#include "net/y.h"\n',
        })
        self.assertEqual(len(found), 1, found)
        self.assertIn('must be "net/y.h"', found[0])

    def test_a_planted_bug_fits_its_source(self):
        head = "--- a/src/net/y.cc\n+++ b/src/net/y.cc\n@@ -1,2 +1,2 @@\n"
        patch = {"tests/sim/planted/x.patch": head + " int x;\n-int y;\n+int z;\n"}
        self.assertEqual(findings({"src/net/y.cc": "int x;\nint y;\n"} | patch), [])
        found = findings({"src/net/y.cc": "int x;\nint w;\n"} | patch)
        self.assertEqual(len(found), 1, found)
        self.assertIn("does not fit", found[0])

    def test_a_class_has_two_source_files(self):
        parts = {f"src/net/y_{part}.cc": "void Y::F() {\n}\n" for part in ("a", "b")}
        header = {"src/net/y.h": "#pragma once\nclass Y {\n  void F();\n};\n"}
        self.assertEqual(findings(header | parts), [])
        found = findings(header | parts | {"src/net/y_c.cc": "void Y::F() {\n}\n"})
        self.assertEqual(len(found), 1, found)
        self.assertIn("Y has 3 .cc files", found[0])


class OutlineTest(unittest.TestCase):
    def test_sees_constructors_templates_operators_and_nested_scopes(self):
        text = (
            "namespace a {\nA::A(int x)\n    : x_{x},\n      y_(f(x)) {\n  g();\n}\n"
            "template <typename T>\nauto F(T t) -> int {\n  if (t) {\n  }\n}\n"
            "struct B {\n  bool operator==(const B&) const { return true; }\n};\n"
            "constexpr auto kX = Make({1, 2});\nTEST(S, Name) {\n}\n}  // namespace a\n"
        )
        names = [name for name, _, _ in functions(text)]
        self.assertEqual(names, ["A::A", "F", "operator==", "TEST(S, Name)"])

    def test_counts_the_lines_of_the_body(self):
        self.assertEqual(functions("void F() {\n\n}\n"), [("F", 1, 3)])


if __name__ == "__main__":
    unittest.main()
