"""The claim protocol loses nothing, explored completely; and each of its safeguards is needed for that."""

import pytest
from model.protocol import Protocol, explore


# With a crash, a lost reply and an expired lease in one story there are many more states: make chaos explores those.
@pytest.mark.parametrize(
    ("jobs", "faults"),
    [
        (1, {"crash": 0, "lost": 1, "expire": 1, "again": 1}),
        (1, {"crash": 1, "lost": 1, "expire": 0, "again": 1}),
        (2, {"crash": 0, "lost": 1, "expire": 0, "again": 1}),
    ],
    ids=lambda value: " ".join(f"{name}={count}" for name, count in value.items()) if isinstance(value, dict) else None,
)
def test_nothing_is_lost_doubled_or_left_behind(jobs, faults):
    states, found = explore(Protocol(jobs, **faults))
    assert found == {}
    assert states > 1000


@pytest.mark.parametrize(
    ("faults", "without", "wrong"),
    [
        ({"crash": 0, "lost": 1, "expire": 0}, "remembers", "stuck"),
        ({"crash": 0, "lost": 1, "expire": 1}, "fenced", "stale"),
        ({"crash": 1, "lost": 0, "expire": 0}, "tombstones", "stuck"),
        ({"crash": 1, "lost": 0, "expire": 1}, "one_life", "stuck"),
    ],
)
def test_without_a_safeguard_it_goes_wrong(faults, without, wrong):
    _, found = explore(Protocol(1, **faults, **{without: False}), until=wrong)
    assert wrong in found
