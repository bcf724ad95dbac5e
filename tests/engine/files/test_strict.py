"""Tables to dataclasses: strictly, and with the key that is wrong in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from engine.files.strict import ConfigError, from_table


@dataclass(frozen=True, slots=True)
class Inner:
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    rate: float = 0.5
    on: bool = False
    steps: tuple[float, ...] = (1.0,)
    limit: int | None = None
    unit: Literal["s", "bars"] = "s"
    inner: Inner = field(default_factory=Inner)


def test_a_table_becomes_the_dataclass_with_its_defaults() -> None:
    assert from_table(Outer, {"name": "a"}, "run.toml") == Outer("a")
    table = {"name": "a", "rate": 2, "on": True, "steps": [1, 2.5], "limit": 4}
    made = from_table(Outer, {**table, "inner": {"size": 9}}, "run.toml")
    assert made == Outer("a", 2.0, True, (1.0, 2.5), 4, inner=Inner(9))
    assert from_table(Outer, {"name": "a", "limit": None}, "run.json") == Outer("a")
    assert isinstance(made.rate, float) and isinstance(made.steps[0], float)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "run.toml lacks: name."),
        ({"name": "a", "nmae": 1, "zed": 2}, "run.toml has unknown keys: nmae, zed."),
        ({"name": 3}, "run.toml.name must be str, got 3."),
        ({"name": "a", "rate": "fast"}, "run.toml.rate must be float, got 'fast'."),
        ({"name": "a", "rate": True}, "run.toml.rate must be float, got True."),
        ({"name": "a", "on": 1}, "run.toml.on must be bool, got 1."),
        ({"name": "a", "steps": 3}, "run.toml.steps must be tuple, got 3."),
        ({"name": "a", "steps": ["x"]}, "run.toml.steps must be float, got 'x'."),
        ({"name": "a", "limit": 1.5}, "run.toml.limit must be int, got 1.5."),
        ({"name": "a", "limit": True}, "run.toml.limit must be int, got True."),
        ({"name": "a", "unit": "ms"}, "run.toml.unit must be one of 's', 'bars', got 'ms'."),
        ({"name": "a", "inner": 3}, "run.toml.inner must be a table."),
        ({"name": "a", "inner": {"sise": 3}}, "run.toml.inner has unknown keys: sise."),
        ({"name": "a", "inner": {"size": 0}}, "run.toml.inner: size must be at least 1, got 0"),
    ],
)
def test_the_key_that_is_wrong_is_named(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_table(Outer, table, "run.toml")
    assert str(caught.value) == message
