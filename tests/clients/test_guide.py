"""The guide that the other tests read what they expect from is whole."""

import programs
from expectations import LIMITS, table


def test_every_client_has_its_line_and_every_cell_means_something():
    losses = table()
    assert list(losses) == [client.name for client in programs.CLIENTS]
    for client, cells in losses.items():
        assert set(cells) - {"client"} == {"restart", "slow end", "full queue", "blocked 4 s",
                                           "blocked 13 s"}, client
        assert {cell for name, cell in cells.items() if name != "client"} <= LIMITS.keys(), client


def test_every_client_has_its_line_among_the_figures():
    assert list(table("| | restart |")) == [client.name for client in programs.CLIENTS]
