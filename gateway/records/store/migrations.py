"""How the store's tables came to be what they are: steps that are only ever added to.

Each step runs once, in one transaction with the note that it has run. Several gateways that start at once wait for one
another. A database that a newer gateway has changed is refused, not guessed at.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import ConfigurationError

_LOCK: Final = 7_236_001
"""Any number, as long as no other program of the database's takes it for its own advisory lock."""
_NUMBERED: Final = "call_id VARCHAR(128) NOT NULL, number INTEGER NOT NULL, at_ms BIGINT NOT NULL"

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE calls (call_id VARCHAR(128) NOT NULL PRIMARY KEY, started_at_s DOUBLE PRECISION NOT NULL,
        leg VARCHAR(128) NOT NULL, leg_id TEXT NOT NULL, caller_number TEXT NOT NULL, dialed_number TEXT NOT NULL,
        persona VARCHAR(128) NOT NULL, endpoint VARCHAR(128) NOT NULL)""",
        "CREATE INDEX ix_calls_started_at_s ON calls (started_at_s)",
        f"""CREATE TABLE turns ({_NUMBERED}, turn INTEGER NOT NULL, speaker VARCHAR(128) NOT NULL, text TEXT,
        ended_ms BIGINT, interrupted BOOLEAN, latency_ms INTEGER, purpose VARCHAR(128),
        PRIMARY KEY (call_id, number))""",
        f"""CREATE TABLE tools ({_NUMBERED}, name VARCHAR(128) NOT NULL, arguments TEXT, output TEXT, ok BOOLEAN,
        took_ms INTEGER, PRIMARY KEY (call_id, number))""",
        f"""CREATE TABLE costs ({_NUMBERED}, turn INTEGER NOT NULL, input_text INTEGER NOT NULL,
        input_audio INTEGER NOT NULL, cached_text INTEGER NOT NULL, cached_audio INTEGER NOT NULL,
        output_text INTEGER NOT NULL, output_audio INTEGER NOT NULL, cost {{money}}, currency VARCHAR(128),
        PRIMARY KEY (call_id, number))""",
        f"""CREATE TABLE endings ({_NUMBERED}, who VARCHAR(128) NOT NULL, reason VARCHAR(128) NOT NULL,
        ok BOOLEAN NOT NULL, duration_ms BIGINT NOT NULL, turns INTEGER NOT NULL, barge_ins INTEGER NOT NULL,
        tools INTEGER NOT NULL, latency_p50_ms INTEGER, latency_max_ms INTEGER, cost {{money}}, currency VARCHAR(128),
        PRIMARY KEY (call_id, number))""",
    ),
)


async def migrate(connection: AsyncConnection) -> int:
    """Bring the database to the latest step, within the connection's transaction; return how many steps that took.

    Raises:
        ConfigurationError: a newer gateway has been here.

    """
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    await connection.execute(text("CREATE TABLE IF NOT EXISTS gateway_schema (step INTEGER NOT NULL PRIMARY KEY)"))
    done = (await connection.execute(text("SELECT max(step) FROM gateway_schema"))).scalar() or 0
    if done > len(STEPS):
        raise ConfigurationError(
            f"records.store: the database is at step {done}, this gateway knows {len(STEPS)}; "
            "run the newer gateway, or give this one another database"
        )
    for number, statements in enumerate(STEPS[done:], start=done + 1):
        for statement in statements:
            await connection.execute(text(statement.format(money="VARCHAR(40)" if sqlite else "NUMERIC(20, 10)")))
        await connection.execute(text("INSERT INTO gateway_schema (step) VALUES (:step)"), {"step": number})
    return len(STEPS) - done
