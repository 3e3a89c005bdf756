"""Tables of figures: one and the same for the terminal, for a document and for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Table"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures under a title.

    Attributes
    ----------
    title : str
    columns : mapping of str to str
        Names, and how values are written: a format specification.
    rows : sequence of sequence
        Plain values; what is no number is written as it is.
    versions : mapping of str to str
        Tools that the figures depend on.
    note : str
        A sentence below.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]
    versions: Mapping[str, str]
    note: str = ""

    @property
    def tools(self) -> str:
        """The versions as one line."""
        return ", ".join(f"{name} {number}" for name, number in self.versions.items())

    def text_rows(self) -> list[list[str]]:
        """Return the rows as they are shown."""
        formats = list(self.columns.values())
        return [
            [_text(value, how) for value, how in zip(row, formats, strict=True)]
            for row in self.rows
        ]

    def markdown(self) -> str:
        """Return the table for a document, under a heading of third level."""
        right = [_is_number_column(self.rows, place) for place in range(len(self.columns))]
        lines = [
            f"### {self.title}",
            "",
            self.tools,
            "",
            _line(list(self.columns)),
            _line(["---:" if numbers else "---" for numbers in right]),
            *map(_line, self.text_rows()),
        ]
        if self.note:
            lines += ["", self.note]
        return "\n".join([*lines, ""])

    def as_dict(self) -> dict[str, Any]:
        """Return the table as plain values, for JSON."""
        return {
            "title": self.title,
            "versions": dict(self.versions),
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "note": self.note,
        }


def _text(value: Any, how: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, how) if isinstance(value, (int, float)) else str(value)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _is_number_column(rows: Sequence[Sequence[Any]], place: int) -> bool:
    return any(isinstance(row[place], (int, float)) for row in rows)
