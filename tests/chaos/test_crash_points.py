"""The life of jobs is cut at every command it sends, in three ways: nothing is lost, doubled or left behind."""

import pytest
from chaos.crash import Way, every_point, run_points

NEEDED = {
    "produce": {"add", "add_steered", "receive", "commit", "declare", "cancel", "prioritize", "put_schedule"},
    "work": {
        "BLMOVE",
        "claim",
        "settle",
        "heartbeat",
        "tell",
        "promote",
        "reap",
        "relay",
        "receive",
        "delivered",
        "fire",
        "register",
        "dependencies",
        "cancel",
    },
}
"""What a cycle must send, so that it is cut there too."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("way", Way)
def test_every_command_may_be_the_last_one(real_server, way, capsys):
    [whole] = run_points([None], real_server.socket)
    assert whole.verdict.problems == []
    for role, names in NEEDED.items():
        assert names <= {name for who, name in whole.sent if who == role}

    points = [point for point in every_point(whole.sent, most=1) if point.way is way]
    results = list(run_points(points, real_server.socket))
    assert {str(each.point): each.verdict.problems for each in results if each.verdict.problems} == {}
    # Some are sent by a clock, and not in every cycle.
    missed = [str(each.point) for each in results if not each.reached]
    assert len(results) - len(missed) >= 34
    assert len(missed) <= 3
    with capsys.disabled():
        print(f"\n{len(results) - len(missed)} crash points: {way}")  # noqa: T201  it is asked for how many there are
