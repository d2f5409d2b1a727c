"""Words of the spoken languages: numbers first. Used by flows, privacy and hearing."""
