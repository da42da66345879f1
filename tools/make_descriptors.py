"""Writes src/receiver/otlp/descriptors.cc: what gRPC reflection tells of the receiver's services.

Usage: .venv/bin/python tools/make_descriptors.py    Needs the packages of the end-to-end tests.
"""

import base64
import textwrap
from pathlib import Path

from google.protobuf import descriptor_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

TARGET = Path(__file__).resolve().parents[1] / "src/receiver/otlp/descriptors.cc"
Field = descriptor_pb2.FieldDescriptorProto
WIDTH = 92


def otlp_files():
    """The services with what they import, as serialized descriptors by name."""
    found = {}

    def add(file):
        for needed in file.dependencies:
            add(needed)
        found[file.name] = file.serialized_pb

    for module in (trace_service_pb2, metrics_service_pb2, logs_service_pb2):
        add(module.DESCRIPTOR)
    return found


def message(name, *fields, nested=(), enums=()):
    """fields: (number, name, type[, name of the type[, more]])."""
    made = descriptor_pb2.DescriptorProto(name=name, nested_type=nested, enum_type=enums)
    for number, field, kind, *rest in fields:
        added = made.field.add(number=number, name=field, type=kind,
                               label=Field.LABEL_OPTIONAL, json_name=_camel(field))
        if rest and rest[0]:
            added.type_name = rest[0]
        for key, value in (rest[1] if len(rest) > 1 else {}).items():
            setattr(added, key, value)
    return made


def _camel(name):
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def health():
    """grpc/health/v1/health.proto."""
    package = "grpc.health.v1"
    status = descriptor_pb2.EnumDescriptorProto(name="ServingStatus")
    for number, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        status.value.add(name=name, number=number)
    response = f".{package}.HealthCheckResponse"
    file = descriptor_pb2.FileDescriptorProto(
        name="grpc/health/v1/health.proto", package=package, syntax="proto3",
        message_type=[message("HealthCheckRequest", (1, "service", Field.TYPE_STRING)),
                      message("HealthCheckResponse",
                              (1, "status", Field.TYPE_ENUM, response + ".ServingStatus"),
                              enums=[status])])
    service = file.service.add(name="Health")
    for name, streaming in (("Check", False), ("Watch", True)):
        service.method.add(name=name, input_type=f".{package}.HealthCheckRequest",
                           output_type=response, server_streaming=streaming)
    return file


def reflection(version):
    """grpc/reflection/<version>/reflection.proto."""
    package = f"grpc.reflection.{version}"

    def own(name):
        return f".{package}.{name}"

    one_of = {"oneof_index": 0}
    many = {"label": Field.LABEL_REPEATED}
    text, part, number = Field.TYPE_STRING, Field.TYPE_MESSAGE, Field.TYPE_INT32
    request = message(
        "ServerReflectionRequest", (1, "host", text),
        (3, "file_by_filename", text, None, one_of),
        (4, "file_containing_symbol", text, None, one_of),
        (5, "file_containing_extension", part, own("ExtensionRequest"), one_of),
        (6, "all_extension_numbers_of_type", text, None, one_of),
        (7, "list_services", text, None, one_of))
    request.oneof_decl.add(name="message_request")
    response = message(
        "ServerReflectionResponse", (1, "valid_host", text),
        (2, "original_request", part, own("ServerReflectionRequest")),
        (4, "file_descriptor_response", part, own("FileDescriptorResponse"), one_of),
        (5, "all_extension_numbers_response", part, own("ExtensionNumberResponse"), one_of),
        (6, "list_services_response", part, own("ListServiceResponse"), one_of),
        (7, "error_response", part, own("ErrorResponse"), one_of))
    response.oneof_decl.add(name="message_response")
    file = descriptor_pb2.FileDescriptorProto(
        name=f"grpc/reflection/{version}/reflection.proto", package=package, syntax="proto3",
        message_type=[
            request,
            message("ExtensionRequest", (1, "containing_type", text),
                    (2, "extension_number", number)),
            response,
            message("FileDescriptorResponse",
                    (1, "file_descriptor_proto", Field.TYPE_BYTES, None, many)),
            message("ExtensionNumberResponse", (1, "base_type_name", text),
                    (2, "extension_number", number, None, many)),
            message("ListServiceResponse", (1, "service", part, own("ServiceResponse"), many)),
            message("ServiceResponse", (1, "name", text)),
            message("ErrorResponse", (1, "error_code", number), (2, "error_message", text))])
    file.service.add(name="ServerReflection").method.add(
        name="ServerReflectionInfo", input_type=own("ServerReflectionRequest"),
        output_type=own("ServerReflectionResponse"), client_streaming=True, server_streaming=True)
    return file


def main():
    files = otlp_files()
    for made in (health(), reflection("v1"), reflection("v1alpha")):
        files[made.name] = made.SerializeToString(deterministic=True)
    out = ["// Made by tools/make_descriptors.py: do not edit.",
           '#include "receiver/otlp/descriptors.h"', "", '#include "base/status.h"',
           '#include "wire/base64.h"', "", "#include <array>", "#include <string_view>", "",
           "namespace gapless::otlp_receiver {", "namespace {", "",
           "// google.protobuf.FileDescriptorProto, serialized, in base64.",
           f"constexpr std::array<std::string_view, {len(files)}> kFiles = {{{{"]
    for name, data in sorted(files.items()):
        lines = textwrap.wrap(base64.b64encode(data).decode(), WIDTH - 2)
        out += [f"    // {name}", *(f'    "{line}"' for line in lines)]
        out[-1] += ","
    out += ["}};", "", "}  // namespace", "",
            "std::vector<std::string> FileDescriptors() {",
            "  std::vector<std::string> files;", "  for (const std::string_view text : kFiles) {",
            "    GAPLESS_CHECK(wire::ParseBase64(text, &files.emplace_back()));", "  }",
            "  return files;", "}", "", "}  // namespace gapless::otlp_receiver", ""]
    TARGET.write_text("\n".join(out))


if __name__ == "__main__":
    main()
