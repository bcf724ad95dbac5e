"""Pingpad from a checkout: `python main.py` opens the instrument, `--help` names the commands.

An installed Pingpad is started by its command `pingpad`.
"""

from __future__ import annotations

import sys

from app.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
