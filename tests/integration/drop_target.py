"""Another program that takes files, as a DAW does: `python -m tests.integration.drop_target`.

Prints what was dropped as one JSON line and ends.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QLabel


def say(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Target(QLabel):
    def __init__(self) -> None:
        super().__init__("drop here")
        self.setWindowTitle("Drop target")
        self.setAcceptDrops(True)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(100, self, lambda: say({"event": "shown"}))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls()]
        facts: dict[str, object] = {
            "event": "dropped",
            "paths": paths,
            "exist": [Path(path).is_file() for path in paths],
            "actions": event.possibleActions().name,
            "text": event.mimeData().text(),
        }
        event.acceptProposedAction()
        say(facts)
        QTimer.singleShot(200, self, QApplication.quit)


if __name__ == "__main__":
    application = QApplication([])
    target = Target()
    target.setGeometry(1300, 100, 280, 400)
    target.show()
    sys.exit(application.exec())
