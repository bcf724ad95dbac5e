"""EngineStatus: updates the engine's state in the session. Main thread only."""

from __future__ import annotations

from dataclasses import replace

from app.model.session import Session
from engine.api import Ready


class EngineStatus:
    """The only place that changes Session.engine."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def model(self) -> str:
        """Name of the model in use."""
        return self._session.engine.model

    @property
    def has_failed(self) -> bool:
        """Whether the engine cannot work."""
        return self._session.engine.failed

    def show_ready(self, ready: Ready) -> None:
        """Show that the engine is ready, with its model and device."""
        device = f"{ready.device}, {ready.precision}" if ready.precision else ready.device
        self._change(
            text=f"Ready in {ready.load_s:.1f} s",
            ready=True,
            failed=False,
            model=ready.model,
            device=device,
        )

    def show_failure(self, why: str) -> None:
        """Show that the engine cannot work."""
        self._change(text=why, ready=False, failed=True)

    def show_pause(self, why: str) -> None:
        """Show that the engine is not ready yet, but will be."""
        self._change(text=why, ready=False, failed=False)

    def show_time(self, whole_ms: float) -> None:
        """Show how long the last generation took."""
        self._change(last_ms=whole_ms)

    def show_loading(self, name: str) -> None:
        """Show which model is being loaded; "" when none is."""
        self._change(loading=name)

    def show_no_loading(self) -> None:
        """Show that no other model is being loaded; the one in use may have to load again."""
        engine = self._session.engine
        waits = not engine.ready and not engine.failed
        self._change(loading="", text=f"{engine.model} is loading." if waits else engine.text)

    def show_vocabulary(self, words: frozenset[str]) -> None:
        """Show the vocabulary of the model in use."""
        self._session.set_engine(self._session.engine, words)

    def _change(self, **values: str | bool | float) -> None:
        self._session.set_engine(replace(self._session.engine, **values))  # type: ignore[arg-type]
