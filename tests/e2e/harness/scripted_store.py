"""The pure core of a scripted backend: which answer a request gets, and what of it is stored.

No clock, no sockets: times come in as arguments. Requests are seen as samples (series, identity,
value); the identity of a data point is its time stamp, so it is also what its order follows.
"""

import zlib
from array import array
from dataclasses import dataclass

from harness.items import REQUESTS, read_ids
from harness.real_answers import Answer, text


@dataclass(frozen=True)
class Sample:
    series: int
    number: int  # the identity
    value: float


@dataclass(frozen=True)
class Content:
    """A request that could be read. resources: a checksum of each resource in it."""

    ids: array
    resources: tuple
    samples: tuple


def checksum(*messages):
    value = 0
    for message in messages:
        value = zlib.crc32(message if isinstance(message, bytes) else message.SerializeToString(),
                           value)
    return value


def read_content(signal, request):
    """The content of an export request message. Spans and log records are samples of one series for
    each resource: a backend that is made to keep an order then sees any two that changed places."""
    entries = {"traces": "resource_spans", "logs": "resource_logs", "metrics": "resource_metrics"}
    samples, resources = [], set()
    for entry in getattr(request, entries[signal]):
        resource = checksum(entry.resource)
        resources.add(resource)
        if signal == "metrics":
            samples += metric_samples(resource, entry)
        else:
            part = REQUESTS[signal]()
            getattr(part, entries[signal]).append(entry)
            ids = read_ids(signal, part.SerializeToString())
            samples += (Sample(resource, number, 0.0) for number in ids)
    ids = array("Q", (sample.number for sample in samples))
    return Content(ids, tuple(sorted(resources)), tuple(samples))


def metric_samples(resource, entry):
    for metric in (metric for scope in entry.scope_metrics for metric in scope.metrics):
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            series = checksum(resource.to_bytes(4, "big"), metric.name.encode(), *point.attributes)
            value = point.as_double or float(point.as_int)
            yield Sample(series, point.time_unix_nano, value)


def parse(signal, body):
    """The message of a protobuf body; raises google.protobuf.message.DecodeError."""
    return REQUESTS[signal].FromString(body)


class TokenBucket:
    """`rate` items per second, `burst` at once; a request that does not fit takes nothing."""

    def __init__(self, rate, burst, now):
        self.rate, self.burst = rate, burst
        self._tokens, self._at = float(burst), now

    def take(self, items, now):
        self._fill(now)
        if items > self._tokens:
            return False
        self._tokens -= items
        return True

    def wait(self, items, now):
        """Takes the items in any case; the seconds until they are due."""
        self._fill(now)
        self._tokens -= items
        return max(0.0, -self._tokens / self.rate)

    def _fill(self, now):
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now


class Series:
    """The newest sample of each series, as Prometheus' head has it."""

    def __init__(self):
        self._newest = {}

    def __len__(self):
        return len(self._newest)

    def knows(self, series):
        return series in self._newest

    def fault(self, sample):
        """What is wrong with the sample, in words; empty: nothing."""
        newest = self._newest.get(sample.series)
        if newest is None or sample.number > newest.number:
            return ""
        if sample.number < newest.number:
            return "out of order sample"
        return "" if sample.value == newest.value else "duplicate sample for timestamp"

    def commit(self, samples):
        """Stores what is newer than the newest and drops the rest without a word: the samples that
        are in the store now, those that were there before included."""
        stored = []
        for sample in samples:
            newest = self._newest.get(sample.series)
            if newest is None or sample.number > newest.number:
                self._newest[sample.series] = sample
                stored.append(sample)
            elif sample.number == newest.number:
                stored.append(sample)
        return stored


@dataclass(frozen=True)
class Trouble:
    """What a test makes of a backend, over its profile.

    read_only: as with a full disk. starting: everything hears that. refuse: an answer to
    everything; refuse_data: to everything but an empty export. every: only each n-th request with
    data is refused so (0: all). workers: so many requests at a time, the rest waits, an empty
    export too (0: no limit). rate, burst: items per second, over which it is overloaded;
    waits: it lets requests wait instead. items_max: larger requests hear 413. series_max: new
    series beyond it are refused. invalid: identities that it takes for bad samples.
    delays: seconds that requests with data take, in turn, half before the samples are checked and
    half before they are stored; slow: {resource: seconds} on top.
    """

    read_only: bool = False
    starting: bool = False
    refuse: Answer | None = None
    refuse_data: Answer | None = None
    every: int = 0
    workers: int = 0
    rate: float = 0.0
    burst: float = 0.0
    waits: bool = False
    items_max: int = 0
    series_max: int = 0
    invalid: frozenset = frozenset()
    delays: tuple = ()
    slow: tuple = ()


NO_TROUBLE = Trouble()


def fill(answer, **words):
    """The answer with its {place holders} replaced."""
    body = answer.body
    for name, value in words.items():
        body = body.replace(b"{%s}" % name.encode(), str(value).encode())
    return Answer(answer.status, body, answer.kind, answer.headers)


class Script:
    """One backend: its profile, its trouble, and what it remembers of its series."""

    def __init__(self, profile, now):
        self.profile = profile
        self.series = Series()
        self._refusals = 0
        self.trouble = NO_TROUBLE
        self._bucket = None
        self.set_trouble(NO_TROUBLE, now)

    def set_trouble(self, trouble, now):
        """A rate that stays the same keeps its tokens."""
        old, self.trouble = self.trouble, trouble
        if (old.rate, old.burst) != (trouble.rate, trouble.burst):
            burst = trouble.burst or trouble.rate
            self._bucket = TokenBucket(trouble.rate, burst, now) if trouble.rate else None

    def refuse_head(self, path, headers):
        """What is answered before the body is looked at; None: go on. headers: names in lower
        case."""
        profile, trouble = self.profile, self.trouble
        if trouble.refuse:
            return trouble.refuse
        if trouble.starting:
            return profile.starting
        if path not in profile.paths:
            return fill(profile.unknown_path, path=path)
        if profile.tenant and profile.tenant[0].lower() not in headers:
            return profile.tenant[1]
        codec = headers.get("content-encoding", "identity")
        if codec != "identity" and codec not in profile.codecs:
            return fill(profile.unknown_codec, codec=codec)
        if headers.get("content-type") == "application/json" and not profile.reads_json:
            return profile.json
        return None

    def refuse_data(self, content, now):
        """What keeps a request with data from being looked at; None: go on."""
        profile, trouble = self.profile, self.trouble
        items = len(content.ids)
        if trouble.refuse_data:
            self._refusals += 1
            if not trouble.every or self._refusals % trouble.every == 0:
                return trouble.refuse_data
        if trouble.read_only and profile.read_only:
            return profile.read_only
        if trouble.items_max and items > trouble.items_max:
            return text(413, "request entity too large")
        if self._bucket and not trouble.waits and not self._bucket.take(items, now):
            return fill(profile.overload, limit=f"{trouble.rate:g}", items=items)
        return None

    def wait(self, content, now):
        """Seconds that the ingestion limit of a backend that waits holds the request."""
        if self._bucket and self.trouble.waits:
            return self._bucket.wait(len(content.ids), now)
        return 0.0

    def check(self, content):
        """(answer or None, identities of the good items). With an answer everything is refused, but
        what the profile keeps of good items."""
        bad = {number for number in content.ids if number in self.trouble.invalid}
        first = "out of bounds" if bad else ""
        fresh = set()
        for sample in content.samples if self.profile.ordered else ():
            fault = self.series.fault(sample)
            if not fault and self._over_limit(sample.series, fresh):
                fault = f"per-user series limit of {self.trouble.series_max} exceeded"
            if fault:
                bad.add(sample.number)
                first = first or fault
        if not bad:
            return None, content.ids
        good = array("Q", (number for number in content.ids if number not in bad))
        return fill(self.profile.bad_sample, fault=first), good

    def _over_limit(self, series, fresh):
        """Whether the series is a new one beyond the limit; fresh: the new ones of this request."""
        if not self.trouble.series_max or self.series.knows(series):
            return False
        fresh.add(series)
        return len(self.series) + len(fresh) > self.trouble.series_max

    def commit(self, content, good):
        """Stores the good items; the identities that are in the store now."""
        if self.trouble.read_only and self.profile.read_only is None:
            return array("Q")
        if not self.profile.ordered:
            return good
        wanted = set(good)
        samples = [sample for sample in content.samples if sample.number in wanted]
        return array("Q", (sample.number for sample in self.series.commit(samples)))
