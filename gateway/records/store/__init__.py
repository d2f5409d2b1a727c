"""The call store: a database of calls, turns, tools, costs and endings. Imported late: SQLAlchemy takes its time."""
