"""Call flows in YAML: read, checked and compiled (``README.md`` beside this file tells the rooms)."""
