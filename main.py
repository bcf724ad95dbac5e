"""Pingpad from a checkout: `python main.py` opens the instrument, `--help` names the commands.

An installed Pingpad is started by its command `pingpad`.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Whatever else is on the path: a checkout runs its own code, never an installed copy.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from app.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
