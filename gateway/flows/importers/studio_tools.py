"""HTTP requests and functions of a Studio flow as tools: address, what is sent, what comes back; no credentials."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from gateway.flows.importers.draft import Body, word
from gateway.flows.importers.liquid import template
from gateway.flows.importers.studio_document import Widget
from gateway.flows.importers.studio_values import Values
from gateway.flows.importers.yaml_text import Yaml

_SECRET_KEY: Final = re.compile(r"(api[-_]?key|token|secret|password|auth|signature)$", re.IGNORECASE)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TODO_URL: Final = "https://example.com/TODO"


@dataclass
class ToolWriter:
    """Writes tools' contracts and the steps that call them."""

    values: Values

    def prepare(self, widget: Widget, step: str) -> None:
        """Make the result known by name, before anything is written."""
        self.values.results[widget.name] = f"{step}_result"

    def step(self, widget: Widget, step: str, good: str, bad: str) -> Body:
        """Return the step that calls a widget's tool, and write the tool's contract."""
        tool, what = step, f"widget '{widget.name}'"
        notes = self.values.draft.notes
        arguments: dict[str, Yaml] = {}
        contract = self._address(widget, what, step, arguments)
        arguments |= self._sent(widget, what, step)
        contract["send"] = dict.fromkeys(arguments, "any")
        contract["outcomes"] = {"ok": "2xx"}
        fields = sorted(self.values.fields.get(widget.name, ()))
        if fields:
            contract["returns"] = dict.fromkeys(fields, "any")
        self.values.draft.tools[tool] = contract
        body: Body = {"call": tool}
        if arguments:
            body["with"] = arguments
        if fields:
            body["save"] = self.values.results[widget.name]
        notes.kept(what, f"tool '{tool}'", step)
        changes = "" if contract["http"].startswith("GET") else ", and say 'changes_data: yes' if it changes anything"  # type: ignore[union-attr]
        notes.needs_you(what, f"check the contract of tool '{tool}' in {self.values.draft.tools_file}{changes}", step)
        return body | {"then": {"ok": good, "failed": bad}}

    def _address(self, widget: Widget, what: str, step: str, arguments: dict[str, Yaml]) -> Body:
        notes, tool = self.values.draft.notes, step
        method = widget.text("method").upper() or "POST"
        url = widget.text("url")
        contract: Body = {"description": f"Studio's {widget.name}"}
        if not url:
            url = _TODO_URL
            notes.needs_you(what, "its address is known to Twilio alone; write it", step)
        said, problems = template(url, lambda source: self._argument(source, arguments))
        for problem in problems:
            notes.needs_you(what, f"in its address, {problem}", step)
        parts = urlsplit(said.replace(" ", ""))
        if parts.username is not None or widget.properties.get("add_twilio_auth") is True:
            contract["auth"] = f"basic ${{secret.{tool}_login}}"
            notes.needs_you(what, f"its login is not imported: give it to the gateway as secret '{tool}_login'", step)
        host = parts.netloc.rpartition("@")[2]
        query = "&".join(
            self._query(name, value, tool, what, step) for name, value in parse_qsl(parts.query, keep_blank_values=True)
        )
        address = urlunsplit((parts.scheme, host, parts.path, query, ""))
        contract["http"] = f"{method if method in _METHODS else 'POST'} {address}"
        return contract

    def _query(self, name: str, value: str, tool: str, what: str, step: str) -> str:
        """Return one part of a query; what looks like a key of somebody's is left to the operator's secrets."""
        if not _SECRET_KEY.search(name) or value.startswith("${"):
            return f"{name}={value}"
        secret = f"{tool}_{word(name, 'key')}"
        self.values.draft.notes.needs_you(
            what, f"'{name}' is not imported: give it to the gateway as secret '{secret}'", step
        )
        return f"{name}=${{secret.{secret}}}"

    def _argument(self, source: str, arguments: dict[str, Yaml]) -> str | None:
        """Return an argument's name for a value in an address."""
        said = self.values.name_of(source)
        if said is None or said.startswith("call."):
            return said
        name = word(said.rpartition(".")[2], "value")
        arguments[name] = f"${{{said}}}"
        return name

    def _sent(self, widget: Widget, what: str, step: str) -> dict[str, Yaml]:
        parameters = widget.properties.get("parameters")
        listed = [one for one in parameters if isinstance(one, dict)] if isinstance(parameters, list) else []
        pairs: list[tuple[str, Any]] = [(str(one["key"]), one.get("value")) for one in listed if one.get("key")]
        body = widget.text("body")
        if body:
            try:
                content = json.loads(body)
            except ValueError:
                content = None
            if isinstance(content, dict):
                pairs += content.items()
            else:
                self.values.draft.notes.needs_you(
                    what, "its body is no JSON object; name what is sent under 'send'", step
                )
        sent: dict[str, Yaml] = {}
        for key, value in pairs:
            if _SECRET_KEY.search(key) and "{{" not in str(value):
                message = f"'{key}' is not imported: send it by the tool's 'auth' or 'headers', out of ${{secret.…}}"
                self.values.draft.notes.needs_you(what, message, step)
                continue
            name = word(key, "value")
            if name != key:
                self.values.draft.notes.needs_you(what, f"'{key}' is sent as '{name}'; the other side may mind", step)
            sent[name] = self.values.text(str(value), what, step) or " "
        return sent
