"""The health and reflection services of the gRPC port, with grpcio."""

import queue

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from harness.configs import pass_through
from harness.items import METHODS, make_body

HEALTH = "/grpc.health.v1.Health/"
ON = "receivers: {otlp: {protocols: {grpc: {health_service: true, reflection_service: true}}}}"
PATIENT = ("--shutdown-timeout", "20s")
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"
TRACES = METHODS["traces"].split("/")[1]


def text(number, value):
    """A message with one field of bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def fields(message):
    """[(number, value)] of a message."""
    found, at = [], 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 2:
            size = varint()
            found.append((tag >> 3, message[at : at + size]))
            at += size
        else:
            found.append((tag >> 3, varint()))
    return found


@pytest.fixture
def collector(make_backend, make_collector):
    return make_collector(pass_through(make_backend(), signals=("traces",)), ON, args=PATIENT)


def test_check_answers_for_the_server_and_for_each_service(collector):
    with grpc.insecure_channel(collector.grpc) as channel:
        check = channel.unary_unary(HEALTH + "Check")
        assert check(b"", timeout=10) == SERVING
        assert check(text(1, TRACES.encode()), timeout=10) == SERVING
        with pytest.raises(grpc.RpcError) as refusal:
            check(text(1, b"opentelemetry.proto.collector.logs.v1.LogsService"), timeout=10)
        assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


def test_who_watches_hears_that_the_process_ends(make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)), ON, args=PATIENT)
    with grpc.insecure_channel(collector.grpc) as channel:
        watch = channel.unary_stream(HEALTH + "Watch")(b"", timeout=30)
        unknown = channel.unary_stream(HEALTH + "Watch")(text(1, b"a.B"), timeout=30)
        assert next(watch) == SERVING
        assert next(unknown) == SERVICE_UNKNOWN
        backend.kill()
        ids = client_of(collector).send("traces", 1)
        collector.terminate()
        assert next(watch) == NOT_SERVING
        with pytest.raises(grpc.RpcError) as end:
            next(watch)
        assert end.value.code() is grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(collector.grpc) as channel:  # while it drains
        assert channel.unary_unary(HEALTH + "Check")(b"", timeout=10) == NOT_SERVING
    backend.start()
    backend.wait_for_ids(ids, timeout=15)
    assert collector.wait_for_exit(20) == 0


@pytest.mark.parametrize("version", ("v1", "v1alpha"))
def test_reflection_describes_the_services_to_whom_knows_nothing(collector, version):
    method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"

    def answer(question):
        return dict(fields(next(channel.stream_stream(method)(iter([question]), timeout=10))))

    with grpc.insecure_channel(collector.grpc) as channel:
        listed = [dict(fields(service))[1].decode()
                  for _, service in fields(answer(text(7, b""))[6])]
        assert set(listed) == {TRACES, "grpc.health.v1.Health",
                               "grpc.reflection.v1.ServerReflection",
                               "grpc.reflection.v1alpha.ServerReflection"}
        pool = descriptor_pool.DescriptorPool()
        known = set()

        def learn(question):
            (_, data), = fields(answer(question)[4])
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            for name in file.dependency:
                if name not in known:
                    learn(text(3, name.encode()))
            if file.name not in known:
                known.add(file.name)
                pool.Add(file)

        for service in listed:
            learn(text(4, service.encode()))
        export = pool.FindServiceByName(TRACES).FindMethodByName("Export")
        assert export.input_type.fields_by_name["resource_spans"].number == 1
        assert pool.FindServiceByName("grpc.health.v1.Health").FindMethodByName("Watch")
        errors = dict(fields(answer(text(4, b"no.Such"))[7]))
        assert errors[1] == 5  # NOT_FOUND


def test_a_conversation_is_answered_while_it_goes_on(collector):
    questions = queue.Queue()
    with grpc.insecure_channel(collector.grpc) as channel:
        method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        answers = channel.stream_stream(method)(iter(questions.get, None), timeout=10)
        for symbol in (b"grpc.health.v1.Health", b"no.Such", TRACES.encode()):
            questions.put(text(4, symbol))
            assert dict(fields(next(answers)))[2] == text(4, symbol)
        questions.put(None)
        assert list(answers) == []


def test_both_are_off_by_default(make_backend, make_collector):
    collector = make_collector(pass_through(make_backend(), signals=("traces",)))
    with grpc.insecure_channel(collector.grpc) as channel:
        for method in (HEALTH + "Check",
                       "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"):
            with pytest.raises(grpc.RpcError) as refusal:
                channel.unary_unary(method)(b"", timeout=10)
            assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
        channel.unary_unary(METHODS["traces"])(make_body("traces")[0], timeout=10)
