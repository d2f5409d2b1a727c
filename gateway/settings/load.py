"""Reads the settings: file, environment and overrides become one :class:`Settings`, or one error with every fault.

The road: the YAML file with its places (``document``), overrides from the command line on top, variables and secret
files put in (``substitute``), the default endpoint chosen and completed (``endpoints``, ``catalogue``), the schema, and
what must hold between settings (``checks``). Every fault says path, value, file, line, column and the nearest right
word (``wording``); a secret is in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

import gateway
from gateway.errors import ConfigurationError
from gateway.settings.catalogue import ModelCatalogue
from gateway.settings.checks import Names, findings, notes
from gateway.settings.document import Document, Fault, Place, Where, core_value, read_document, spell
from gateway.settings.endpoints import Chosen, choose, complete, endpoints_in_use, personas_in_use, variable_faults
from gateway.settings.environment import read_environment
from gateway.settings.prices import PRICES_FILE, PriceTable, add_table
from gateway.settings.schema import Settings
from gateway.settings.secret_file import SecretInFile
from gateway.settings.shape import leaves, spot
from gateway.settings.substitute import NotSubstituted, has_substitution, substitute
from gateway.settings.wording import Wording

SETTINGS_FILE: Final = Path("config") / "gateway.yaml"
"""Read from the working directory if it is there."""
MODELS_FILE: Final = "models.yaml"
"""Read from beside the settings file if it is there, else the shipped one."""

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and what to say about them at the start."""

    settings: Settings
    """``settings.endpoint`` is never None here, and ``settings.endpoints`` has it."""
    source: Path | None
    """The file that was read."""
    notes: tuple[str, ...]
    """What works but may not be what was meant; one sentence each, without secrets."""
    default_endpoint_origin: str
    """In words: which endpoint is the default, and why."""


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    ignore_keys: bool = False,
    today: date | None = None,
) -> LoadedSettings:
    """Read the settings.

    Args:
        path: the file; None takes ``config/gateway.yaml`` of the working directory, else the one that is shipped.
        environ: variables; None takes the process's own with the working directory's ``.env`` behind them.
        overrides: values by dotted path (``{"server.port": 0}``), as the command line gives them; no ``${…}`` in them.
        ignore_keys: take the local server, whatever keys lie around and whatever endpoint file and personas name,
            unless ``overrides`` name one (``gateway demo``, tests).
        today: from which models near their end are counted; None is the day that it is, in UTC.

    Raises:
        ConfigurationError: with all faults at once.

    """
    passed_over: list[str] = []
    if environ is None:
        environ, passed_over = read_environment()
    path = path or default_file()
    loading = _Loading(path, environ, today or datetime.now(UTC).date())
    result = loading.run(overrides or {}, ignore_keys=ignore_keys)
    # Raised out here, where no exception that quotes a value is being handled and could be chained to it.
    if result is None:
        raise ConfigurationError(loading.told_faults())
    settings, origin = result
    return LoadedSettings(settings, path, (*passed_over, *loading.notes), origin)


def demo_settings(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    endpoint: str | None = None,
) -> LoadedSettings:
    """Read the settings for a demonstration: with the local server, unless ``endpoint`` names another.

    Raises:
        ConfigurationError: as :func:`load_settings`.

    """
    chosen = {} if endpoint is None else {"endpoint": endpoint}
    return load_settings(path, environ, {**(overrides or {}), **chosen}, ignore_keys=True)


def check(path: Path | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the faults of a settings file, one sentence each; an empty list if there are none."""
    try:
        load_settings(path, environ)
    except ConfigurationError as error:
        return error.faults
    return []


def default_file() -> Path:
    """Return ``config/gateway.yaml`` of the working directory if there is one, else the shipped one."""
    return SETTINGS_FILE if SETTINGS_FILE.is_file() else shipped_directory() / SETTINGS_FILE.name


def shipped_directory() -> Path:
    """Return the ``config`` directory that came with the package; of a source tree, the one beside it.

    Raises:
        ConfigurationError: the installation is incomplete.

    """
    package = Path(gateway.__file__).parent
    places = [package / "_shipped" / "config"]
    if (package.parent / "pyproject.toml").is_file():
        places.append(package.parent / "config")
    for place in places:
        if (place / SETTINGS_FILE.name).is_file():
            return place
    raise ConfigurationError(f"the shipped {SETTINGS_FILE} is missing from {package}; install the package again")


def secrets_of(settings: BaseModel) -> tuple[SecretStr, ...]:
    """Return every secret in the settings, for a log to hide."""
    found: list[SecretStr] = []

    def gather(value: Any) -> None:
        match value:
            case SecretStr():
                found.append(value)
            case BaseModel():
                for name in type(value).model_fields:
                    gather(getattr(value, name))
            case dict():
                for inner in value.values():
                    gather(inner)
            case list() | tuple():
                for inner in value:
                    gather(inner)
            case _:
                pass

    gather(settings)
    return tuple(found)


class _Loading:
    """One run: the file's document and what was found wrong so far."""

    def __init__(self, path: Path, environ: Mapping[str, str], today: date) -> None:
        self._environ = environ
        self._today = today
        self._directory = path.parent
        self._document, self._faults = read_document(path, _shown(path))
        self._written: dict[Where, str] = {}
        self._wording = Wording(Settings, self._document, self._written)
        self.notes: list[str] = []

    def run(self, overrides: Mapping[str, Any], *, ignore_keys: bool) -> tuple[Settings, str] | None:
        """Return the settings and the default endpoint's origin, or None if there are faults."""
        if self._faults and not self._document.tree:
            return None
        catalogue = self._catalogue()
        unfilled = self._substitute(without=[_path(key) for key in overrides])
        self._override(overrides, ignore_keys=ignore_keys)
        chosen = choose(self._document, self._environ, ignore_keys=ignore_keys)
        by_variable = self._judge_variables(chosen)
        # A copy: the document is filled in further, and the catalogue is kept for the next time.
        complete(self._document, chosen, self._environ, deepcopy(catalogue.defaults))
        catalogue.fill_in(self._document)
        add_table(self._document, self._price_table())
        personas = personas_in_use(self._document, Settings.model_fields["persona"].default)
        endpoints = endpoints_in_use(self._document, chosen, personas)
        drop_empty(self._document)
        left_out = self._judge_unfilled(unfilled, {"personas": personas, "endpoints": endpoints})
        settings, wrong = validated(Settings, self._document, self._wording)
        self._faults.extend(fault for where, fault in wrong if where not in unfilled)
        if settings is not None:
            names = Names(self._keys("endpoints"), self._keys("personas"), endpoints)
            self._check(settings, names, [*(where for where, _ in wrong), *unfilled, *by_variable])
        if left_out and not self._faults:
            for where in left_out:
                self._document.remove(where)
            settings, _ = validated(Settings, self._document, self._wording)
        if settings is None or self._faults:
            return None
        self.notes.extend(notes(settings, self._environ))
        self.notes.extend(catalogue.notes(settings, self._today))
        self.notes.extend(settings.prices.notes())
        return settings, chosen.origin

    def told_faults(self) -> list[str]:
        """Return the faults in the order of the file, each once."""
        ordered = sorted(self._faults, key=lambda fault: (fault.place.line, fault.place.column))
        return list(dict.fromkeys(fault.text for fault in ordered))

    def _catalogue(self) -> ModelCatalogue:
        beside = self._directory / MODELS_FILE
        path = beside if beside.is_file() else shipped_directory() / MODELS_FILE
        written = path.stat()
        catalogue, faults = _read_catalogue(path, _shown(path), written.st_mtime_ns, written.st_size)
        self._faults.extend(faults)
        return catalogue

    def _price_table(self) -> PriceTable:
        chosen = self._document.get(("prices", "file"))
        path = self._directory / (chosen if isinstance(chosen, str) and chosen else PRICES_FILE)
        if not chosen and not path.is_file():
            path = shipped_directory() / PRICES_FILE
        # As it was written, where a variable is in it: what the variable holds may be a secret in the wrong place.
        document, faults = read_document(path, self._written.get(("prices", "file")) or _shown(path))
        table, wrong = validated(PriceTable, document, Wording(PriceTable, document, {}))
        self._faults.extend([*faults, *(fault for _, fault in wrong)])
        return table or PriceTable()

    def _substitute(self, without: list[Where]) -> dict[Where, list[Fault]]:
        """Put variables and files into every value; return the faults of values where that failed, and empty those."""
        unfilled: dict[Where, list[Fault]] = {}
        for at, value in list(leaves(Settings, self._document.tree)):
            if not isinstance(value, str) or any(at.where[: len(over)] == over for over in without):
                continue
            filled: Any = value
            if has_substitution(value):
                self._written[at.where] = value
                try:
                    filled = substitute(value, self._environ, self._directory)
                except NotSubstituted as error:
                    place = self._document.place(at.where)
                    unfilled[at.where] = [
                        Fault(f"{spell(at.where)} {place} {problem}", place) for problem in error.problems
                    ]
                    continue
            if at.free and at.where in self._document.plain and isinstance(filled, str):
                filled = core_value(filled)
            if at.secret and isinstance(filled, str) and "${file:" in value:
                filled = SecretInFile(filled, partial(substitute, value, self._environ, self._directory))
            if filled is not value:
                _replace(self._document, at.where, filled)
        return unfilled

    def _override(self, overrides: Mapping[str, Any], *, ignore_keys: bool) -> None:
        if ignore_keys:
            self._document.remove(("endpoint",))
            for part in ("personas", "numbers"):
                for name in self._keys(part):
                    self._document.remove((part, name, "endpoint"))
        for key, value in overrides.items():
            self._document.put(_path(key), value, Place("on the command line"))

    def _judge_variables(self, chosen: Chosen) -> list[Where]:
        """Take note of wrong variables that fill endpoints in use, and return where they would have gone."""
        personas = personas_in_use(self._document, Settings.model_fields["persona"].default)
        in_use = endpoints_in_use(self._document, chosen, personas)
        wrong = list(variable_faults(self._document, self._environ, in_use))
        self._faults.extend(fault for _, fault in wrong)
        return [where for where, _ in wrong]

    def _judge_unfilled(self, unfilled: dict[Where, list[Fault]], in_use: Mapping[str, set[str]]) -> set[Where]:
        """Make unset variables faults where they are needed; return the endpoints and personas to leave out instead."""
        left_out: set[Where] = set()
        for where, faults in unfilled.items():
            self._document.remove(where)
            used = in_use.get(str(where[0]))
            if used is None or len(where) < 2 or str(where[1]) in used:
                self._faults.extend(faults)
            elif where[:2] not in left_out:
                left_out.add(where[:2])
                self.notes.append(f"{spell(where[:2])} is left out, because nothing uses it: {faults[0].text}")
        for name in self._keys("personas"):
            endpoint = self._document.get(("personas", name, "endpoint"))
            if ("endpoints", endpoint) in left_out and ("personas", name) not in left_out:
                left_out.add(("personas", name))
                self.notes.append(f"{spell(('personas', name))} is left out, because its endpoint '{endpoint}' is")
        return left_out

    def _keys(self, section: str) -> set[str]:
        found = self._document.get((section,))
        return set(found) if isinstance(found, dict) else set()

    def _check(self, settings: Settings, names: Names, known_wrong: list[Where]) -> None:
        for finding in findings(settings, names):
            # What is wrong already needs no second fault that follows from the first.
            kind = (*finding.where[:-1], "type")
            if kind in known_wrong or any(_related(finding.where, wrong) for wrong in known_wrong):
                continue
            self._faults.append(self._wording.finding(finding.of, finding.where, finding.problem))


def validated(
    root: type[_Model], document: Document, wording: Wording
) -> tuple[_Model | None, list[tuple[Where, Fault]]]:
    """Return the document as a model, and the faults by place.

    With faults, wrong values are taken out of the model and missing ones stood in for, so that other checks can go on;
    it is None if that leads nowhere.
    """
    wrong: list[tuple[Where, Fault]] = []
    rest = Document(deepcopy(document.tree))
    for _ in range(8):
        try:
            return root.model_validate(rest.tree), wrong
        except ValidationError as error:
            details = error.errors(include_url=False)
        # From the end, so that taking an item out of a list moves none that is still to go.
        for detail in reversed(details):
            where, fault = wording.from_pydantic(detail)
            # A value that was taken out as wrong is missing the next time round, and of a section whose type was wrong
            # nobody knows what is.
            stood_in = (*where[:-1], "type") if detail["type"] == "missing" else where
            if all(known not in (where, stood_in) for known, _ in wrong):
                wrong.append((where, fault))
            if detail["type"] in ("missing", "union_tag_not_found"):
                rest.put(where, next(iter(spot(root, where).words()), "-"), Place("nowhere"))
            else:
                rest.remove(where)
    return None, wrong


@lru_cache(maxsize=4)
def _read_catalogue(path: Path, shown: str, _mtime_ns: int, _size: int) -> tuple[ModelCatalogue, tuple[Fault, ...]]:
    """Return the catalogue that a file holds, and its faults; read anew once time or size of the file differ."""
    document, faults = read_document(path, shown)
    _type_free_values(ModelCatalogue, document)
    catalogue, wrong = validated(ModelCatalogue, document, Wording(ModelCatalogue, document, {}))
    return catalogue or ModelCatalogue(), (*faults, *(fault for _, fault in wrong))


def drop_empty(document: Document) -> None:
    """Take out sections that have no lines (all of them commented out, perhaps): they mean their defaults."""
    for at, value in list(leaves(Settings, document.tree)):
        if value is None and at.container:
            document.remove(at.where)


def _type_free_values(root: type[BaseModel], document: Document) -> None:
    for at, value in list(leaves(root, document.tree)):
        if isinstance(value, str) and at.free and at.where in document.plain:
            _replace(document, at.where, core_value(value))


def _related(one: Where, other: Where) -> bool:
    """Return whether one place lies in the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _replace(document: Document, where: Where, value: Any) -> None:
    around = document.get(where[:-1])
    around[where[-1]] = value


def _path(key: str) -> Where:
    return tuple(key.split("."))


def _shown(path: Path) -> str:
    """Return a path as messages name it: relative where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
