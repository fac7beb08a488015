"""Script: a Python file run as ``__main__``, as ``python FILE`` does, with ``flyte`` meaning localflyte."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from localflyte.bridges import flyte

__all__ = ("run_script",)

INTERRUPTED = 130


def run_script(path: str, args: Sequence[str]) -> int:
    """Run a file as ``__main__``.

    :param path: the file
    :param args: what it finds in ``sys.argv`` after its own name
    :return: the exit code: 0, 1 after an exception, 130 after Ctrl-C
    :raises SystemExit: if the script ends itself
    """
    flyte.install()
    where = os.path.abspath(path)
    sys.argv[:] = [path, *args]
    if not sys.flags.safe_path:
        # The first entry is the current folder, put there by -m; Python puts the script's folder there.
        sys.path[0] = os.path.dirname(where)
    module = ModuleType("__main__")
    module.__dict__.update(__file__=where, __builtins__=builtins)
    sys.modules["__main__"] = module
    try:
        with open(where, "rb") as stream:
            code = compile(stream.read(), where, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - this is what running a script is
    except KeyboardInterrupt as error:
        _show(error)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - shown as Python itself would
        _show(error)
        return 1
    return 0


def _show(error: BaseException) -> None:
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, error.__traceback__)
        return
    from localflyte.cli.tracebacks import print_traceback

    print_traceback(error)
