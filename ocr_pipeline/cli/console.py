"""What commands print: tables and sentences for people, JSON for machines; nothing on stdout but the answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


class Printer:
    """Prints answers to stdout and remarks to stderr. Rich on a terminal, plain elsewhere, JSON when asked."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, soft_wrap=True)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def answer(self, data: Any, text: str) -> None:  # noqa: ANN401 - anything JSON can say
        """One answer: `data` as JSON, or `text` for people."""
        if self.as_json:
            self.json(data)
        else:
            self.out.print(text, markup=False)

    def json(self, data: Any) -> None:  # noqa: ANN401 - anything JSON can say
        """One JSON document on one line."""
        sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people: boxed on a terminal, tab-separated elsewhere."""
        if not self.out.is_terminal:
            for row in (columns, *rows):
                sys.stdout.write("\t".join(str(cell) for cell in row) + "\n")
            return
        table = Table(title=title, title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.out.print(table)

    def remark(self, text: str) -> None:
        """A line for people beside the answer."""
        self.err.print(text, markup=False)
