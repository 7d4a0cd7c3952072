# SPDX-License-Identifier: Apache-2.0
"""What a process was told in confidence it does not repeat."""

import subprocess
import sys

from agents.worker.secrets import clean, remember, remember_options


def test_options_named_like_secrets_are_hidden_in_every_spelling():
    remember_options({"user": "me", "password": "p/la nt+ed", "folder": "/data/x"})
    text = "p/la nt+ed p%2Fla%20nt%2Bed p%2Fla+nt%2Bed bWU6cC9sYSBudCtlZA== /data/x"
    assert clean(text) == "*** *** *** *** /data/x"


def test_what_only_says_where_something_is_stays():
    places = {"token_url": "https://tokens.example", "api_key_header": "X-Header-Name"}
    remember_options(places)
    assert clean(" ".join(places.values())) == " ".join(places.values())


def test_short_texts_are_no_secrets():
    remember("abc")
    assert clean("abcdef") == "abcdef"


SAYS = """
import logging
from agents import logs
from agents.worker.secrets import remember
remember("planted-in-logs")
logs.set_up("json", "debug")
logging.getLogger("library").warning("it said %s", "planted-in-logs")
try:
    raise ValueError("planted-in-logs")
except ValueError:
    logs.logger("tests").exception("planted-in-logs", what="planted-in-logs")
"""


def test_log_lines_and_tracebacks_are_cleaned():
    # In a process of its own: what is set up for logs stays set up.
    argv = [sys.executable, "-c", SAYS]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    assert "ValueError" in said
    assert "it said ***" in said
    assert "planted" not in said
