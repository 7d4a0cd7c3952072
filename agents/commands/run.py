# SPDX-License-Identifier: Apache-2.0
"""`ingester run`: be one of the agents."""

from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from agents import logs
from agents.settings import load_settings


class Agent(StrEnum):
    """The agents that can be run; each is the folder of its name."""

    CATALOGUE = "catalogue"
    WORKFLOW = "workflow"
    DOWNLOADER = "downloader"
    PROCESSOR = "processor"
    JANITOR = "janitor"
    PROJECTOR = "projector"
    GATEWAY = "gateway"


def run(agent: Annotated[Agent, typer.Argument(help="Which one.")]) -> None:
    """Run an agent until it is told to stop (SIGTERM)."""
    settings = load_settings()
    logs.set_up(settings.log_format, settings.log_level)
    # Imported here: an agent need not load what only the others use.
    import_module(f"agents.{agent}.agent").run(settings)
