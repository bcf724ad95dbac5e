"""Pages with one style sheet, rendered by jinja2 from the templates beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(template: str, values: Mapping[str, object]) -> str:
    """Render a page that needs nothing from the network; all values are escaped."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("engine.evaluation.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
