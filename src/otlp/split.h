// Cut a serialized Export…ServiceRequest into smaller ones without decoding it.
//
// Items keep their bytes, which stay shared; only the headers of the messages around them
// (resource, scope, and for metrics the metric and its data) are written anew, and what those
// messages hold besides items (resource, scope, schema URL, name, unit, temporality, unknown
// fields) goes with every part. The items of the parts, in order, are the items of the request.
// Messages without items go with the item before them. Pure; any thread.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "otlp/signal.h"

#include <cstddef>
#include <vector>

namespace gapless::otlp {

struct Part {
  Rope request;
  size_t items = 0;
};

// The items [first, first + count) as a request of its own, fewer if the request has fewer.
// INVALID_ARGUMENT when malformed (a scanned request is not).
Result<Part> SliceItems(const Rope& request, Signal signal, size_t first, size_t count);

struct SplitLimits {
  size_t max_items = SIZE_MAX;
  // Serialized bytes of a part. A single item that is larger makes a part of its own.
  size_t max_bytes = SIZE_MAX;
};

// The whole request in parts within the limits, each as full as it can be. A request within the
// limits comes back as it is; one without items as one part. Precondition: limits > 0.
Result<std::vector<Part>> Split(const Rope& request, Signal signal, const SplitLimits& limits);

}  // namespace gapless::otlp
