"""Finding: one thing that the doctor looked at, how, and what came of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from enum import Enum
from pathlib import Path

from localflyte.settings import Settings

__all__ = ("Examination", "Finding", "Verdict")


class Verdict(str, Enum):
    #: it is there, and it works
    YES = "yes"
    #: it works, but not for everything
    PARTLY = "partly"
    #: it is not there, or it does not work
    NO = "no"


@dataclass(frozen=True, slots=True)
class Finding:
    """:param what: what was looked at
    :param how: how it was tried, and what was seen
    :param advice: what to do about it; empty when there is nothing to do
    :param broken: whether localflyte cannot do what it promises; what a system does not have is not broken
    """

    what: str
    verdict: Verdict
    how: str
    advice: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """What every look has: the settings in effect, and a folder for what is tried."""

    settings: Settings
    #: for each setting that was set, where
    origins: Mapping[str, str] = field(default_factory=dict)
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="localflyte-doctor-")))
