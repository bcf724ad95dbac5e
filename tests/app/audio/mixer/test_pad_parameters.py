from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from app.audio.mixer.pad_parameters import PadParameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "twice"),
        ("layers", "all"),
        ("gain_db", 99.0),
        ("gain_db", float("nan")),
        ("choke_group", -1),
        ("choke_group", 9),
        ("pan", 1.1),
        ("tune", -25.0),
        ("start", 1.0),
        ("end", 0.0),
        ("attack_s", -0.1),
        ("decay_s", 11.0),
        ("release_s", 0.0),
        ("low_pass_hz", 5.0),
        ("high_pass_hz", 30_000.0),
        ("velocity_curve", 5.0),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*got {value!r}"):
        replace(PadParameters(), **{name: cast(Any, value)})


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match=r"end must be after start 0.5, got 0.5"):
        PadParameters(start=0.5, end=0.5)
    assert PadParameters(start=0.999, end=1.0).start == 0.999
