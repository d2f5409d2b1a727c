# What ``gateway`` gives, for type checkers: ``__init__.py`` imports it on first use, and the floors below import
# ``gateway`` for its version only.

from gateway.library import Session as Session
from gateway.library import create_app as create_app
from gateway.library import load_settings as load_settings
from gateway.library import open_session as open_session
from gateway.library import running as running

__version__: str
