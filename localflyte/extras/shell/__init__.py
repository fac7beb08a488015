"""flyte.extras.shell: a command-line tool in a container as a task with typed inputs and outputs."""

from __future__ import annotations

from localflyte.extras.shell.flags import DictMode
from localflyte.extras.shell.flags import FlagSpec
from localflyte.extras.shell.flags import listMode
from localflyte.extras.shell.kinds import Glob
from localflyte.extras.shell.kinds import OutputSpec
from localflyte.extras.shell.kinds import Stderr
from localflyte.extras.shell.kinds import Stdout
from localflyte.extras.shell.tool import Tool
from localflyte.extras.shell.tool import create

__all__ = ("DictMode", "FlagSpec", "Glob", "OutputSpec", "Stderr", "Stdout", "Tool", "create", "listMode")
