"""The store's tables, and columns that only take what may leave a call.

A column of words takes :class:`RedactedText` and nothing else, one of ours takes a :class:`Label`; a plain string is a
``TypeError`` before it reaches the database. Money is exact in both databases.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Float, Integer, MetaData, Numeric, String, Table, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from gateway.contracts.text import Label, RedactedText


class RedactedColumn(TypeDecorator[str]):
    """Somebody's words, redacted."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Take redacted text alone. Raises ``TypeError`` for anything else, and never shows it."""
        if value is None or isinstance(value, RedactedText):
            return None if value is None else value.text
        raise TypeError(f"this column takes RedactedText, not {type(value).__name__}")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Give the text as it stands in the database."""
        return value


class LabelColumn(TypeDecorator[str]):
    """A word of ours."""

    impl = String(128)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Take a label alone. Raises ``TypeError`` for anything else, and never shows it."""
        if value is None or isinstance(value, Label):
            return None if value is None else str(value)
        raise TypeError(f"this column takes a Label, not {type(value).__name__}")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Give the word as it stands in the database."""
        return value


class Money(TypeDecorator[Decimal]):
    """An exact amount: a number in PostgreSQL, digits in SQLite, which has no exact numbers."""

    impl = Numeric(20, 10)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose by database."""
        kind: TypeEngine[Any] = String(40) if dialect.name == "sqlite" else Numeric(20, 10)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Take an amount."""
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Give an amount."""
        return None if value is None else Decimal(value)


METADATA: Final = MetaData()


def _numbered(name: str, *columns: Column[Any]) -> Table:
    """Return a table with a row for a record: the call's id, and the record's number in it."""
    return Table(
        name,
        METADATA,
        Column("call_id", LabelColumn, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("at_ms", BigInteger, nullable=False),
        *columns,
    )


CALLS: Final = Table(
    "calls",
    METADATA,
    Column("call_id", LabelColumn, primary_key=True),
    Column("started_at_s", Float(53), nullable=False, index=True),
    Column("leg", LabelColumn, nullable=False),
    Column("leg_id", RedactedColumn, nullable=False),
    Column("caller_number", RedactedColumn, nullable=False),
    Column("dialed_number", RedactedColumn, nullable=False),
    Column("persona", LabelColumn, nullable=False),
    Column("endpoint", LabelColumn, nullable=False),
)
TURNS: Final = _numbered(
    "turns",
    Column("turn", Integer, nullable=False),
    Column("speaker", LabelColumn, nullable=False),
    Column("text", RedactedColumn),
    Column("ended_ms", BigInteger),
    Column("interrupted", Boolean),
    Column("latency_ms", Integer),
    Column("purpose", LabelColumn),
)
TOOLS: Final = _numbered(
    "tools",
    Column("name", LabelColumn, nullable=False),
    Column("arguments", RedactedColumn),
    Column("output", RedactedColumn),
    Column("ok", Boolean),
    Column("took_ms", Integer),
)
COSTS: Final = _numbered(
    "costs",
    Column("turn", Integer, nullable=False),
    Column("input_text", Integer, nullable=False),
    Column("input_audio", Integer, nullable=False),
    Column("cached_text", Integer, nullable=False),
    Column("cached_audio", Integer, nullable=False),
    Column("output_text", Integer, nullable=False),
    Column("output_audio", Integer, nullable=False),
    Column("cost", Money),
    Column("currency", LabelColumn),
)
ENDINGS: Final = _numbered(
    "endings",
    Column("who", LabelColumn, nullable=False),
    Column("reason", LabelColumn, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("barge_ins", Integer, nullable=False),
    Column("tools", Integer, nullable=False),
    Column("latency_p50_ms", Integer),
    Column("latency_max_ms", Integer),
    Column("cost", Money),
    Column("currency", LabelColumn),
)
OF_CALLS: Final = (CALLS, TURNS, TOOLS, COSTS, ENDINGS)
"""What is deleted with a call."""
