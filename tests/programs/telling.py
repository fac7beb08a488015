"""Telling: tasks whose names, output, errors and reports would act on a page that let them. The tests of pages open it in a browser."""

import flyte
import flyte.report

env = flyte.TaskEnvironment(name="telling")
ACT = "<script>top.canary=parent.canary=window.canary=1;alert(1)</script>"


@env.task(short_name=ACT)
async def fails() -> None:
    print(f"<html>{ACT}the log")
    raise ValueError(f"</pre>{ACT}")


@env.task(report=True)
async def main() -> None:
    await flyte.report.log.aio(f"<p>of main</p>{ACT}")
    flyte.report.get_tab(f"</label>{ACT}").log("<p>of the other tab</p>")
    await flyte.report.flush.aio()
    await fails()
