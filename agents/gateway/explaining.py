# SPDX-License-Identifier: Apache-2.0
"""Why a task is where it is."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from agents.gateway.answers import ExplanationAnswer
from agents.gateway.status import NOT_FOUND
from streams.errors import InvalidRequest
from streams.explain import Explanation, Hold

router = APIRouter(tags=["status"])

Explain = Callable[[str], tuple[Explanation, ...]]
"""Explains a task from the read model.

Raises:
    InvalidRequest: there is no such task.
"""


@router.get(
    "/tasks/{task:path}/explanation",
    response_model=list[ExplanationAnswer],
    responses=NOT_FOUND,
)
async def explanation(task: str, request: Request) -> Any:
    """Why a task is where it is: the task, and what it waits for to the last."""
    explain: Explain = request.app.state.explain
    try:
        steps = await asyncio.to_thread(explain, task)
    except InvalidRequest as error:
        raise HTTPException(404, str(error)) from error
    return [
        {
            "task": step.task,
            "status": step.status,
            "hold": Hold(step.hold).name.lower(),
            "why": step.why,
            "change": step.change,
            "waits_for": step.waits_for,
        }
        for step in steps
    ]
