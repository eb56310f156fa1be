"""State in a file."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from local.simulators.durable import DurableState


def state_in(file: Path) -> DurableState[list[int]]:
    return DurableState(TypeAdapter(list[int]), [], file)


def test_a_change_is_there_for_the_next_process(tmp_path: Path):
    file = tmp_path / "deep" / "state.json"
    with state_in(file).change() as numbers:
        numbers.append(1)
    with state_in(file).read() as numbers:
        assert numbers == [1]


def test_a_half_written_file_beside_the_state_does_not_matter(tmp_path: Path):
    file = tmp_path / "state.json"
    with state_in(file).change() as numbers:
        numbers.append(1)
    (tmp_path / "state.json.next").write_text("[1, 2")
    with state_in(file).read() as numbers:
        assert numbers == [1]


def test_a_change_that_raises_is_not_written(tmp_path: Path):
    file = tmp_path / "state.json"
    with pytest.raises(ValueError, match="no"), state_in(file).change():
        raise ValueError("no")
    assert not file.exists()
