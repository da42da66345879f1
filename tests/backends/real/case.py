"""Case: what a test builds its situation from. Ends everything, and notes the account."""

import subprocess
import time
from dataclasses import asdict

import pytest

from real import collectors
from real.account import settle, story_of_the_missing
from real.builds import program
from real.kinds import KINDS
from real.load import Load
from real.page import Config


class Case:
    """make: the class that stands in front of the backends, gapless or the peer."""

    def __init__(self, make, folder):
        self._make = make
        self._folder = folder
        self._mounts = []
        self.stores = []
        self.collector = None
        self.result = None
        self.notes = {}

    # The world.

    def store(self, kind, start=True, bare=False, **options):
        """A backend, started. bare: as it comes out of the box, without what backfill needs."""
        chosen = KINDS[kind]
        if program(chosen.store.program_name) is None:
            pytest.skip("go is not installed, so there is no backend to try")
        label = "ab"[len(self.stores)]
        defaults = chosen.bare if bare else chosen.options
        store = chosen.store(self._folder, label, **{**defaults, **options})
        self.stores.append(store)
        if start:
            store.start()
        return store

    def config(self, kind):
        """The page's configuration for this backend, aimed at the stores of the case."""
        return Config(KINDS[kind].page, self._folder / "journals", self.stores)

    def run(self, config):
        """Starts the collector; it is ready when this returns."""
        self.collector = self._make.__new__(self._make)
        self.collector.__init__(config.text)
        return self.collector

    def ballast(self, disk, size):
        """A file that takes so many bytes of a disk; unlink it to give them back."""
        file = disk / "ballast"
        with file.open("wb") as out:
            out.write(bytes(size))
        return file

    def load(self, **options):
        return Load(self.collector.grpc, self.stores[0].signal, **options)

    def small_disk(self, size):
        """A directory with so much room."""
        disk = self._folder / f"disk{len(self._mounts)}"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk]
        if subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("this machine does not permit a small tmpfs")
        self._mounts.append(disk)
        return disk

    # The account.

    def settle(self, load, timeout=60, stores=None):
        """The account, once everything is stored or nothing moves any more."""
        self.result = settle(load, stores or self.stores, self.collector, timeout)
        print(f"account: {self.result}")
        for store in self.stores:
            for (status, words), times in store.tap.refusals().most_common(5):
                print(f"{store.label} answered {status} {times} times: {words[:200]}")
            if self.result.lost_by_backend:
                print("\n".join(story_of_the_missing(load, store)[:40]))
        return self.result

    def nothing_lost(self, load, timeout=60, stores=None):
        """The account; fails where an acknowledged item never reached a backend."""
        result = self.settle(load, timeout, stores)
        assert result.acknowledged, f"nothing was acknowledged: {load.first_refusal}"
        assert result.lost == 0 and result.pending == 0, str(result)
        return result

    def nothing_missing(self, load, timeout=60, stores=None):
        """As nothing_lost, and the backends have everything that they acknowledged."""
        result = self.nothing_lost(load, timeout, stores)
        assert result.lost_by_backend == 0, str(result)
        return result

    def note(self, **values):
        """Figures for the table beside the account."""
        self.notes.update(values)

    def report(self):
        """The line of the results file."""
        refusals = {store.label: [[status, words[:160], times] for (status, words), times
                                  in store.tap.refusals().most_common(5)]
                    for store in self.stores}
        return {"account": asdict(self.result) if self.result else None, "notes": self.notes,
                "refusals": refusals}

    def close(self):
        if self.collector and self.collector.process:
            print(f"--- log of {self.collector.name}\n{self.collector.log_tail(80)}")
            self.collector.destroy()
        for store in self.stores:
            store.destroy()
        for disk in self._mounts:
            subprocess.run(["umount", "-l", disk], check=False)


def makers():
    return {"gapless": collectors.Gapless, "collector": collectors.Peer}


def pause(seconds):
    """The length of a situation; nothing is awaited by it."""
    time.sleep(seconds)
