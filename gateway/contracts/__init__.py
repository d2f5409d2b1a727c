"""The words that the floors speak to one another. Read these first: ``leg``, ``model``, ``record``, ``text``."""
