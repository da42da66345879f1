"""Requests taken apart into items, so that two ways to a backend can be compared."""

import os
from collections import Counter

from google.protobuf import text_format

from harness.items import REQUESTS, _points


def _text(message):
    return text_format.MessageToString(message, as_one_line=True, print_unknown_fields=True)


def _spans(request):
    for resource in request.resource_spans:
        above = (_text(resource.resource), resource.schema_url)
        for scope in resource.scope_spans:
            inside = (*above, _text(scope.scope), scope.schema_url)
            yield from ((*inside, _text(span)) for span in scope.spans)


def _records(request):
    for resource in request.resource_logs:
        above = (_text(resource.resource), resource.schema_url)
        for scope in resource.scope_logs:
            inside = (*above, _text(scope.scope), scope.schema_url)
            yield from ((*inside, _text(record)) for record in scope.log_records)


def _data_points(request):
    for resource in request.resource_metrics:
        above = (_text(resource.resource), resource.schema_url)
        for scope in resource.scope_metrics:
            inside = (*above, _text(scope.scope), scope.schema_url)
            for metric in scope.metrics:
                points = list(_points(metric))
                for point in points:
                    bare = type(metric)()
                    bare.CopyFrom(metric)
                    del getattr(bare, metric.WhichOneof("data")).data_points[:]
                    yield (*inside, _text(bare), _text(point))


READERS = {"traces": _spans, "metrics": _data_points, "logs": _records}


def items(backend):
    """How often each item, with everything above it, is on a backend (keep_bodies=True)."""
    return Counter((received.signal, *item) for received in backend.received
                   for item in READERS[received.signal](
                       REQUESTS[received.signal].FromString(received.body)))


def difference(expected, found):
    """A sentence for a failed test: how much differs, and where two alike items part."""
    missing, more = list((expected - found).elements()), list((found - expected).elements())
    text = f"{len(missing)} items missing, {len(more)} unexpected"
    for item in missing[:1]:
        like = max(more, key=lambda other: len(os.path.commonprefix([item, other])), default=())
        for one, other in zip(item, like):
            at = max(0, len(os.path.commonprefix([one, other])) - 60)
            if one != other:
                text += f"\nmissing    {one[at:at + 200]}\nunexpected {other[at:at + 200]}"
    return text
