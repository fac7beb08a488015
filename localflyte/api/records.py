"""Records: every log record of the process, whichever logger makes it, says which run and which action it belongs to.

Flyte promises it, so that a format like ``"[%(run_name)s][%(action_name)s] %(message)s"`` works with any handler.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from logging import LogRecord

__all__ = ("stamp", "stamp_records")


def stamp_records() -> None:
    """Stamp every record from now on, and leave whoever else makes records at their work. Doing it again changes nothing."""
    import logging

    make = logging.getLogRecordFactory()
    if getattr(make, "stamps", False):
        return

    def make_stamped(*args: Any, **kwargs: Any) -> LogRecord:
        record: LogRecord = make(*args, **kwargs)
        stamp(record)
        return record

    make_stamped.stamps = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_stamped)


def _is_internal(name: str) -> bool:
    return f"{name}.".startswith("flyte.") and not f"{name}.".startswith("flyte.user.")


def stamp(record: LogRecord) -> None:
    """Put the run and the action that are under way on a record, under the names that flyte uses; ``None`` where no task runs."""
    context = sys.modules.get("localflyte.api.context")  # not loaded: then no task is running here
    action = context.ctx().action if context is not None else None
    record.__dict__.update(
        run_name=getattr(action, "run_name", None),
        action_name=getattr(action, "name", None),
        is_flyte_internal=_is_internal(record.name or ""),
    )
