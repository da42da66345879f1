"""A test of the simulator: each patch of this folder plants one bug in a scratch copy of the
sources, and the simulator must fail within so many seeds.

    run.py [NAME...]    only the patches whose name contains one of these

The scratch copy and its build stay in build/planted, so that a second run builds little. What
fails in build/dev as well does not count.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
COPY = ROOT / "build" / "planted"
JOBS = str(os.cpu_count() or 2)
SEEDS = 1000
COPIED = ("src", "tests/sim", "tests/support", "tests/CMakeLists.txt", "cmake", "tools",
          "CMakeLists.txt", "CMakePresets.json")


def copy_sources():
    """Only what differs, so that the build sees what has changed."""
    for name in COPIED:
        source, target = ROOT / name, COPY / name
        files = [source] if source.is_file() else [f for f in source.rglob("*") if f.is_file()]
        wanted = {target if source.is_file() else target / f.relative_to(source): f for f in files}
        if source.is_dir() and target.is_dir():
            for old in [f for f in target.rglob("*") if f.is_file() and f not in wanted]:
                old.unlink()
        for to, file in wanted.items():
            if not to.exists() or to.read_bytes() != file.read_bytes():
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, to)


def build():
    if not (COPY / "build" / "dev" / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "dev"], cwd=COPY, check=True,
                       stdout=subprocess.DEVNULL)
    command = ["ninja", "-C", "build/dev", "-j", JOBS, "sim_test"]
    result = subprocess.run(command, cwd=COPY, capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stdout[-3000:], flush=True)
    return result.returncode == 0


def first_failure(folder, first, count):
    """The first seed from `first` on that fails, with what is said of it; None: all is well."""
    command = ["build/dev/tests/sim/sim_test", "--gtest_filter=*Real*", "--seeds", str(count)]
    env = {**os.environ, "GAPLESS_SEED": str(first)}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    lines = result.stdout.splitlines()
    said = [i for i, line in enumerate(lines) if "run again with" in line]
    if not said:  # it has aborted; where, only a search would tell
        return first, (result.stderr.splitlines() or ["aborted"])[-1][:150]
    seed = int(re.search(r"--seed (\d+)", lines[said[0]]).group(1))
    return seed, f"{lines[said[0] - 1][:100]}: seed {seed}"


def simulator_fails():
    """What the simulator says of the first seed that fails for the bug alone; empty: nothing."""
    first, end = 1, 1 + SEEDS
    while first < end:
        found = first_failure(COPY, first, end - first)
        if found is None:
            return ""
        seed, said = found
        if first_failure(ROOT, seed, 1) is None:
            return said
        print(f"   seed {seed} fails without the bug, too", flush=True)
        first = seed + 1
    return ""


def plant(patch):
    """Empty if the bug is found, else what is wrong."""
    copy_sources()
    # A patch is small and its surroundings change: as little context as it has is enough.
    applied = subprocess.run(["patch", "-p1", "--fuzz=3", "-s", "-i", patch], cwd=COPY,
                             capture_output=True, text=True)
    if applied.returncode != 0:
        return "the patch does not apply any more: " + applied.stdout.strip()
    if not build():
        return "it does not build"
    begin = time.monotonic()
    said = simulator_fails()
    print(f"   {time.monotonic() - begin:.0f} s: {said or 'nothing'}", flush=True)
    return "" if said else f"the simulator did not find it within {SEEDS} seeds"


def main():
    names = sys.argv[1:]
    patches = [p for p in sorted(HERE.glob("*.patch"))
               if not names or any(name in p.name for name in names)]
    wrong = {}
    for patch in patches:
        print(f"== {patch.stem}", flush=True)
        problem = plant(patch)
        if problem:
            wrong[patch.stem] = problem
            print(f"   {problem}", flush=True)
    copy_sources()
    print(f"{len(patches) - len(wrong)} of {len(patches)} planted bugs were found")
    return 1 if wrong or not patches else 0


if __name__ == "__main__":
    sys.exit(main())
