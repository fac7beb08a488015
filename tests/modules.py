"""Which modules a piece of code loads, as both kinds of weight tests ask."""

from __future__ import annotations

import subprocess
import sys

__all__ = ("loaded_by",)


def loaded_by(code: str) -> set[str]:
    """Run code in a new interpreter and return the modules that it loaded, beside those that are always there."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())
