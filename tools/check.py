"""What ./test runs: builds a preset, runs ctest and the end-to-end suite, prints one closing line.

Standard library only; ./test has installed the Debian packages before.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
E2E = ROOT / "tests" / "e2e"
ATTACKS = ROOT / "tests" / "attacks"
VENV = ROOT / ".venv"
JOBS = str(os.cpu_count() or 2)
SANITIZER_ENV = {
    "asan": {
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    },
    "tsan": {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"},
}


@dataclass
class Part:
    """One step of a run: its wall time and what it counted."""

    name: str
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    flaky: list[str] = field(default_factory=list)  # failed beside others, passed alone
    slow: list[tuple[float, str]] = field(default_factory=list)  # seconds of its targets


@dataclass
class Report:
    parts: list[Part] = field(default_factory=list)

    def add(self, name, work):
        """Runs work(part), timed; what work raises counts as one failure, and the run goes on."""
        print(f"== {name}", flush=True)
        part = Part(name)
        begin = time.monotonic()
        try:
            work(part)
        except (OSError, subprocess.CalledProcessError) as error:
            part.failed += 1
            print(f"== {name}: {error}", flush=True)
        part.seconds = time.monotonic() - begin
        self.parts.append(part)
        return part.failed == 0

    def close(self):
        """Prints the table and the closing line; the exit status of the run."""
        print()
        for part in self.parts:
            counts = f"{part.passed} passed, {part.failed} failed, {part.skipped} skipped"
            print(f"{part.name:<28}{part.seconds:8.1f} s   {counts}")
            for seconds, name in sorted(part.slow, reverse=True):
                print(f"  {name:<26}{seconds:8.1f} s")
            for name in part.flaky:
                print(f"  flaky: {name} failed beside the others and passed alone")
        passed = sum(part.passed for part in self.parts)
        failed = sum(part.failed for part in self.parts)
        print(f"{passed} passed, {failed} failed", flush=True)
        return 1 if failed or not passed else 0


def run(command, env=None, cwd=ROOT):
    """Runs with output going to ours; the exit status."""
    sys.stdout.flush()
    merged = {**os.environ, **(env or {})}
    return subprocess.run([str(word) for word in command], cwd=cwd, env=merged).returncode


def build(preset, targets=()):
    """A part's work: configure when needed, then build. The log is shown when something fails."""

    def work(_part):
        folder = ROOT / "build" / preset
        folder.mkdir(parents=True, exist_ok=True)
        commands = [["cmake", "--build", "--preset", preset, "-j", JOBS]]
        if targets:
            commands[0] += ["--target", *targets]
        if not (folder / "build.ninja").exists():
            commands.insert(0, ["cmake", "--preset", preset])
        log = folder / "build.log"
        for command in commands:
            if sys.stdout.isatty():
                subprocess.run(command, cwd=ROOT, check=True)
                continue
            with log.open("w") as out:
                result = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
            if result.returncode != 0:
                print("\n".join(log.read_text(errors="replace").splitlines()[-200:]))
                raise subprocess.CalledProcessError(result.returncode, command)

    return work


def count_junit(path, part, cases_dir=None):
    """Adds a JUnit file to part. A ctest entry that wrote GoogleTest XML counts by its cases."""
    if not path.exists():
        part.failed += 1
        return
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        failed = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        cases = cases_dir / f"{case.get('name')}.xml" if cases_dir else None
        if cases is None or not cases.exists():
            part.failed += failed
            part.skipped += skipped and not failed
            part.passed += not failed and not skipped
            continue
        suites = ElementTree.parse(cases).getroot()
        total, bad = int(suites.get("tests", 0)), int(suites.get("failures", 0))
        part.passed += total - bad - int(suites.get("disabled", 0))
        part.failed += max(bad, int(failed))


def slow_cases(path):
    """(seconds, name) of what took a second or more, by a JUnit file."""
    cases = ElementTree.parse(path).getroot().iter("testcase") if path.exists() else ()
    timed = [(float(case.get("time", 0)), case.get("name")) for case in cases]
    return [case for case in timed if case[0] >= 1]


def failures(path):
    """Names of the cases that failed, by a JUnit file."""
    return {case.get("name") for case in ElementTree.parse(path).getroot().iter("testcase")
            if case.find("failure") is not None or case.find("error") is not None}


def ctest(preset, options):
    """A part's work: the unit, lint and simulation tests of one preset."""

    def work(part):
        folder = ROOT / "build" / preset
        cases = folder / "gtest"
        shutil.rmtree(cases, ignore_errors=True)
        cases.mkdir(parents=True)
        junit = folder / "ctest.xml"
        junit.unlink(missing_ok=True)
        command = ["ctest", "--test-dir", folder, "--output-on-failure", "-j", JOBS]
        command += ["--output-junit", junit, *options]
        env = {"GTEST_OUTPUT": f"xml:{cases}/", **SANITIZER_ENV.get(preset, {})}
        status = run(command, env)
        count_junit(junit, part, cases)
        part.slow = slow_cases(junit)
        if status != 0 and part.failed == 0:
            part.failed = 1

    return work


def make_venv(_part):
    """The Python of the end-to-end tests: made once per content of requirements.txt."""
    requirements = E2E / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = VENV / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", VENV], check=True)
    pip = [VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", requirements], check=True)
    stamp.write_text(digest)


# So many tests may fail for the load of the others beside them; more is no accident.
ALONE_MAX = 3


def pytest(preset, folder, options, beside=()):
    """A part's work: tests that drive the binary of a preset from outside.

    With `beside`, options that run them side by side, the few that fail run once more, alone: their
    limits in time are those of a machine that does nothing else.
    """

    def work(part):
        junit = ROOT / "build" / preset / f"pytest-{part.name.replace(' ', '-')}.xml"
        junit.unlink(missing_ok=True)
        env = {
            "GAPLESS_BINARY": os.environ.get("GAPLESS_BINARY", f"{ROOT}/build/{preset}/gapless"),
            "GAPLESS_PRESET": preset,
            **SANITIZER_ENV.get(preset, {}),
        }
        command = [VENV / "bin" / "python", "-m", "pytest", folder, "-q", f"--junitxml={junit}"]
        command += ["-o", f"cache_dir={ROOT}/build/{preset}/pytest-cache"]
        status = run(command + options + list(beside), env)
        if status == 5:  # The filter selected no test here.
            return
        count_junit(junit, part)
        if beside and 0 < part.failed <= ALONE_MAX:
            print("== what failed beside the others, alone", flush=True)
            part.failed = 0
            before = failures(junit)
            status = run(command + options + ["--last-failed"], env)
            count_junit(junit, part)
            part.flaky = sorted(before - failures(junit))
        if status != 0 and part.failed == 0:
            part.failed = 1

    return work


def e2e_parts(report, preset, filter_text, markers):
    """Tests that wait run side by side; tests that load the machine run one at a time."""
    chosen = ["-k", filter_text] if filter_text else []
    light = ["-m", f"({markers}) and not heavy", *chosen]
    report.add(f"e2e {preset}", pytest(preset, E2E, light, beside=["-n", "4"]))
    one_by_one = ["-m", f"({markers}) and heavy", *chosen]
    report.add(f"e2e heavy {preset}", pytest(preset, E2E, one_by_one))


def ctest_names(preset, filter_text):
    """The test binaries that a filter selects."""
    command = ["ctest", "--test-dir", f"build/{preset}", "-N", "-R", filter_text]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    return re.findall(r"^ *Test +#\d+: (\S+)", out, re.MULTILINE)


def run_binary(report, name, options):
    """Builds one test binary of the dev preset and runs it with these options."""
    def work(part):
        found = sorted((ROOT / "build" / "dev").rglob(name))
        cases = ROOT / "build" / "dev" / "cases.xml"
        cases.unlink(missing_ok=True)
        status = run([found[0], *options], {"GTEST_OUTPUT": f"xml:{cases}"})
        count_junit(cases, part)
        part.failed = part.failed or int(status != 0)

    if report.add("build dev", build("dev", [name])):
        report.add(name, work)


def run_filtered(report, args):
    """./test FILTER: the test binaries whose name matches, else the e2e tests; ROOM:CASE: the cases
    of one room whose name has CASE in it."""
    subprocess.run(["cmake", "--preset", "dev"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    room, colon, case = args.filter.partition(":")
    if colon:
        run_binary(report, f"{room.replace('/', '_')}_test", [f"--gtest_filter=*{case}*"])
        return
    names = ctest_names("dev", args.filter)
    targets = [name for name in names if not name.startswith("lint")]
    if targets:
        report.add("build dev", build("dev", targets))
    if names:
        report.add("ctest dev", ctest("dev", ["-R", args.filter]))
        return
    if report.add("build dev", build("dev", ["gapless"])) and report.add("venv", make_venv):
        e2e_parts(report, "dev", args.filter, "long or not long")


def run_all(report, args):
    if not report.add("build dev", build("dev")):
        return
    report.add("ctest dev", ctest("dev", []))
    if args.long:
        report.add("planted bugs", planted)
    if report.add("venv", make_venv):
        e2e_parts(report, "dev", "", "long or not long" if args.long else "not long")
        report.add("short attacks", pytest("dev", ATTACKS, ["-m", "short", "--no-timing"]))


def run_sanitizers(report, _args):
    """Unit tests and simulation, then the few end-to-end tests marked smoke."""
    report.add("venv", make_venv)
    for preset in ("asan", "tsan"):
        if report.add(f"build {preset}", build(preset)):
            report.add(f"ctest {preset}", ctest(preset, ["-E", "^lint"]))
            report.add(f"e2e {preset}", pytest(preset, E2E, ["-m", "smoke"]))


def run_sim(report, args):
    """One seed of the simulator again."""
    run_binary(report, "sim_test", ["--seed", str(args.sim)])


def run_sim_hours(report, args):
    """So many simulated hours over random seeds; fails where something was never reached."""
    run_binary(report, "sim_test", ["--gtest_filter=*ManyHours*", "--hours", str(args.sim_hours)])


def planted(part):
    """Bugs that the simulator must find."""
    status = run([sys.executable, ROOT / "tests" / "sim" / "planted" / "run.py"])
    part.failed, part.passed = int(status != 0), int(status == 0)


def run_interop(report, _args):
    if report.add("build dev", build("dev", ["gapless"])) and report.add("venv", make_venv):
        report.add("interop", pytest("dev", ROOT / "tests" / "interop", ["-rs"]))


def run_attacks(report, args):
    """Hostile clients, one after the other, beside a neighbour that must not notice."""
    if report.add("build dev", build("dev", ["gapless"])) and report.add("venv", make_venv):
        options = ["-k", args.filter] if args.filter else []
        report.add("attacks", pytest("dev", ATTACKS, options))


def run_backends(report, args):
    """Real backends; --peer puts a stock Collector in front of them, --repeat runs races again."""
    if not shutil.which("go"):
        print("== backends: go is not installed, what is not built yet is skipped")
    options = ["-rs", "-n", "4", "--repeat", str(args.repeat)]
    options += ["-k", args.filter] if args.filter else []
    if args.peer:
        options.append("--peer")
    folder = ROOT / "tests" / "backends"
    if report.add("build dev", build("dev", ["gapless"])) and report.add("venv", make_venv):
        programs = [VENV / "bin" / "python", folder / "real" / "builds.py"]
        report.add("build backends", lambda _part: subprocess.run(programs, check=True))
        report.add("backends", pytest("dev", folder, options))


def run_clients(report, args):
    """The SDKs; with --peer each case that compares runs against a stock Collector, too."""
    if report.add("build dev", build("dev", ["gapless"])) and report.add("venv", make_venv):
        options = ["-rs", *(["--peer"] if args.peer else [])]
        options += ["-k", args.filter] if args.filter else []
        report.add("clients", pytest("dev", ROOT / "tests" / "clients", options,
                                     beside=["-n", "4"]))


def run_fuzz(report, args):
    """Every target for the same time, starting from its corpus; findings land in build/fuzz."""
    if not report.add("build fuzz", build("fuzz")):
        return
    folder = ROOT / "build" / "fuzz"
    targets = sorted(path for path in folder.glob("fuzz/*_fuzz") if path.is_file())

    def fuzz(binary):
        grown = folder / "corpus" / binary.name
        grown.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "fuzz" / "corpus" / binary.name.removesuffix("_fuzz")
        command = [binary, f"-max_total_time={args.fuzz}", "-timeout=10", "-rss_limit_mb=2048"]
        words = ROOT / "fuzz" / "dict" / f"{binary.name.removesuffix('_fuzz')}.dict"
        command += [f"-dict={words}"] if words.exists() else []
        command += [f"-artifact_prefix={folder}/", grown, *([seeds] if seeds.is_dir() else [])]
        return subprocess.run(command, capture_output=True, text=True, errors="replace")

    def work(part):
        with ThreadPoolExecutor(int(JOBS)) as pool:
            for binary, result in zip(targets, pool.map(fuzz, targets)):
                lines = result.stderr.splitlines()
                print(f"{binary.name}: {lines[-1] if lines else ''}", flush=True)
                if result.returncode != 0:
                    print("\n".join(lines[-60:]))
                part.failed += result.returncode != 0
                part.passed += result.returncode == 0

    report.add("fuzz", work)


def run_coverage(report, _args):
    """Lines of each room that unit tests and simulator run. Pages in build/coverage."""
    folder = ROOT / "build" / "coverage"
    if not report.add("build coverage", build("coverage")):
        return
    for former in folder.rglob("*.gcda"):
        former.unlink()
    if not report.add("ctest coverage", ctest("coverage", ["-E", "^lint"])):
        return

    def work(part):
        subprocess.run(["gcovr", "--root", ROOT, "--filter", "src/", "--exclude", r".*test[^/]*$",
                        "-j", JOBS, "--json-summary", folder / "lines.json",
                        "--html-details", folder / "index.html", folder], cwd=ROOT, check=True)
        rooms = {}
        for file in json.loads((folder / "lines.json").read_text())["files"]:
            room = rooms.setdefault(file["filename"].split("/")[1], [0, 0])
            room[0] += file["line_covered"]
            room[1] += file["line_total"]
        for name, (covered, total) in sorted(rooms.items()):
            print(f"{name:<28}{100 * covered / total:8.1f} %   {covered} of {total} lines")
        part.passed = len(rooms)

    report.add("coverage", work)


def sources(suffixes):
    """Tracked and new files of the project with one of the suffixes."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.splitlines()]
    return [path for path in paths if path.suffix in suffixes and path.exists()]


def changed_sources():
    """C++ sources that differ from the upstream branch (or HEAD's parent), committed or not."""
    base = "HEAD~1"
    for candidate in ("origin/main", "origin/HEAD"):
        command = ["git", "merge-base", "HEAD", candidate]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if found.returncode == 0:
            base = found.stdout.strip()
            break
    command = ["git", "diff", "--name-only", base]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()
    changed = {ROOT / name for name in names}
    return [path for path in sources({".cc"}) if path in changed]


def run_tidy(report, args):
    """clang-tidy-19 on the changed sources; ./test --tidy FILTER takes those whose path matches."""
    if not report.add("build dev", build("dev")):
        return
    files = changed_sources()
    if args.filter:
        files = [path for path in sources({".cc"}) if args.filter in str(path)]
    files = [path for path in files if (ROOT / "src") in path.parents]

    def work(part):
        pending, running = list(files), []
        while pending or running:
            while pending and len(running) < int(JOBS):
                command = ["clang-tidy-19", "--quiet", "-p", "build/dev", str(pending.pop())]
                running.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
            status = running.pop(0).wait()
            part.failed += status != 0
            part.passed += status == 0

    report.add("clang-tidy", work)


def run_format(report, _args):
    def work(part):
        files = [str(path) for path in sources({".cc", ".h"})]
        subprocess.run(["clang-format-19", "-i", *files], check=True)
        part.passed = len(files)

    report.add("clang-format", work)


def parse():
    parser = argparse.ArgumentParser(prog="./test", description="Builds and runs the tests.")
    parser.add_argument("filter", nargs="?",
                        help="test binaries by name, ROOM:CASE for cases of one, else e2e tests")
    parser.add_argument("--sim", type=int, metavar="SEED", help="the simulator with this seed")
    parser.add_argument("--sim-hours", type=float, metavar="HOURS",
                        help="the simulator over random seeds for so many simulated hours")
    parser.add_argument("--sanitize", action="store_true", help="under ASan+UBSan, then TSan")
    parser.add_argument("--interop", action="store_true", help="Node SDK, telemetrygen, Collector")
    parser.add_argument("--attacks", action="store_true", help="hostile clients, all of them")
    parser.add_argument("--backends", action="store_true", help="real backends, built with go")
    parser.add_argument("--repeat", type=int, default=1, help="--backends: runs of each race")
    parser.add_argument("--clients", action="store_true", help="SDKs of Go, JS, Java and Rust")
    parser.add_argument("--peer", action="store_true",
                        help="--backends, --clients: with a stock Collector, too")
    parser.add_argument("--long", action="store_true",
                        help="also the full-length e2e tests, and planted bugs")
    parser.add_argument("--fuzz", type=int, metavar="SECONDS", help="every fuzz target so long")
    parser.add_argument("--coverage", action="store_true",
                        help="which lines the unit tests and the simulator run")
    parser.add_argument("--tidy", action="store_true", help="clang-tidy-19 on changed files")
    parser.add_argument("--format", action="store_true", help="clang-format-19 over all files")
    return parser.parse_args()


def main():
    args = parse()
    modes = [
        (args.format, run_format),
        (args.tidy, run_tidy),
        (args.sanitize, run_sanitizers),
        (args.sim is not None, run_sim),
        (args.sim_hours is not None, run_sim_hours),
        (args.interop, run_interop),
        (args.attacks, run_attacks),
        (args.backends, run_backends),
        (args.clients, run_clients),
        (args.fuzz, run_fuzz),
        (args.coverage, run_coverage),
        (args.filter and not (args.tidy or args.backends or args.clients or args.attacks),
         run_filtered),
    ]
    chosen = [mode for wanted, mode in modes if wanted] or [run_all]
    report = Report()
    for mode in chosen:
        mode(report, args)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
