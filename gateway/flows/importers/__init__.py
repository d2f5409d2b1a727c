"""Flows of other systems, rewritten in ours: a file that lints, a report of what became of everything, first tests.

    source ─ rasa_project.py, studio_document.py ─► what it says ─ rasa.py, studio.py ─► Draft ─ finish.py ─► files

An importer never guesses in silence: what it keeps, what it changes and what a person has to decide are notes
(``notes.py``), and the last kind also stands as a ``TODO`` above the step in the file.
"""
