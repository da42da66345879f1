"""`gapless validate --probe`: what it says of each backend is so, and it leaves nothing behind."""

import pytest

from harness.collector import run_cli
from real.kinds import NAMES
from test_trouble import MIB
from test_wrong import MISTAKES

pytestmark = pytest.mark.ours


def probe(tmp_path, config):
    """Exit status and text."""
    file = tmp_path / "probed.yaml"
    receiver = "receivers: {otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}}}}\n"
    file.write_text(receiver + config.text)
    result = run_cli("validate", "--probe", "--config", file)
    print(result.stdout + result.stderr)
    return result.returncode, (result.stdout + result.stderr).lower()


@pytest.mark.parametrize("kind", NAMES)
def test_a_backend_that_is_well_is_ok_and_keeps_nothing_of_the_probe(case, tmp_path, kind):
    store = case.store(kind)
    status, text = probe(tmp_path, case.config(kind).direct())
    assert status == 0, text
    assert not store.stored()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_with_the_words_of_the_backend(case, tmp_path, mistake):
    wrong = MISTAKES[mistake]
    case.store(wrong.kind)
    status, text = probe(tmp_path, wrong.change(case.config(wrong.kind).direct()))
    assert status != 0, text
    assert wrong.words.lower() in text


@pytest.mark.parametrize("kind", NAMES)
def test_a_backend_that_is_not_there_is_found(case, tmp_path, kind):
    case.store(kind, start=False)
    status, text = probe(tmp_path, case.config(kind).direct())
    assert status != 0, text


@pytest.mark.parametrize("kind", ("victoriametrics", "victorialogs"))
def test_a_read_only_backend_is_not_called_well_without_a_word(case, tmp_path, kind):
    """VictoriaMetrics answers an empty export with 200 even then, so that a probe cannot see it."""
    case.store(kind, flags=[f"-storage.minFreeDiskSpaceBytes={10**8 * MIB}"])
    status, text = probe(tmp_path, case.config(kind).direct())
    case.note(status=status)
    assert "alive, says" in text and "read-only" in text or kind == "victoriametrics"
    assert "is not proved" in text
