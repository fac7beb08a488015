"""Tables of a class of the program's own, written and read by handlers that it registers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import localflyte as flyte
from localflyte.io import DataFrame
from localflyte.io.extend import DataFrameDecoder
from localflyte.io.extend import DataFrameEncoder
from localflyte.io.extend import DataFrameTransformerEngine

env = flyte.TaskEnvironment(name="handled")


class Sheet:
    """Rows of named cells."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows


class SheetEncoder(DataFrameEncoder[Sheet]):
    async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
        await asyncio.sleep(0)
        with open(dataframe.uri, "w", encoding="utf-8") as target:
            target.writelines(f"{json.dumps(row)}\n" for row in dataframe.val.rows)
        return dataframe.uri


class SheetDecoder(DataFrameDecoder[Sheet]):
    async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
        await asyncio.sleep(0)
        wanted = [column.name for column in current_task_metadata.structured_dataset_type.columns]
        with open(flyte_value.uri, encoding="utf-8") as source:
            rows = [json.loads(line) for line in source]
        return Sheet([{name: cell for name, cell in row.items() if not wanted or name in wanted} for row in rows])


class PartsDecoder(SheetDecoder):
    async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
        whole = await super().decode(flyte_value, current_task_metadata)

        async def parts() -> AsyncIterator[Sheet]:
            for row in whole.rows:
                await asyncio.sleep(0)
                yield Sheet([row])

        return parts()


DataFrameTransformerEngine.register(SheetEncoder(Sheet, supported_format="lines"), default_format_for_type=True)
DataFrameTransformerEngine.register(SheetDecoder(Sheet, supported_format="lines"), default_format_for_type=True)


@dataclass
class Book:
    title: str
    sheets: list[Sheet]


@env.task
async def make(rows: int) -> Sheet:
    return Sheet([{"number": number, "text": str(number)} for number in range(rows)])


@env.task
async def bind(sheet: Sheet) -> Book:
    return Book("bound", [sheet, Sheet(sheet.rows[:1])])


@env.task
async def count(table: DataFrame) -> int:
    sheet = await table.open(Sheet).all()
    return len(sheet.rows)


@env.task
async def main(rows: int) -> list[int]:
    book = await bind(await make(rows))
    return [await count(DataFrame.from_df(sheet)) for sheet in book.sheets]
