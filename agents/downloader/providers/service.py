# SPDX-License-Identifier: Apache-2.0
"""Short questions to a provider's own service: where a product is, what it costs."""

import json
from collections.abc import Mapping
from typing import Any, Final

from urllib3.exceptions import HTTPError

from agents.downloader.sources.http import HttpSource, judge
from agents.downloader.transfer.credentials import Credentials, credentials_of
from agents.downloader.transfer.manners import Manners, manners_of
from agents.worker.desk import Desk
from agents.worker.hosts import Pools, pause
from agents.worker.ranges import shown
from streams.errors import OrderCancelled, ProviderError
from streams.failures import Failure

_LARGEST: Final = 16 << 20


class Service:
    """Answers in JSON."""

    def __init__(self, credentials: Credentials, manners: Manners) -> None:
        self._source = HttpSource(credentials, manners)
        self._manners = manners

    def read(self, url: str, desk: Desk) -> Any:
        """The answer to a GET; asked again when it may be another one.

        Raises:
            ProviderError: of the class that the status says.
        """
        for failures in range(1, self._manners.tries + 1):
            try:
                return self.once("GET", url)
            except ProviderError as error:
                passing = error.failure is Failure.TRANSIENT_NET
                late = error.retry_after_s > self._manners.longest_pause_s
                if not passing or late or failures == self._manners.tries:
                    raise
                longest_s = self._manners.longest_pause_s
                if desk.cancelled.wait(pause(failures, longest_s, error.retry_after_s)):
                    raise OrderCancelled("told to stop") from error
        raise AssertionError("the last try returns or raises")

    def once(self, method: str, url: str, body: Any = None, good: int = 200) -> Any:
        """The answer to a question that must not be asked twice by itself.

        Raises:
            ProviderError: of the class that the status says; any but `good` is wrong.
        """
        text = None if body is None else json.dumps(body).encode()
        kind = "application/json" if text else ""
        answer = self._source.ask(method, url, text, kind)
        try:
            if answer.status != good:
                judge(answer, url)
                raise ProviderError(f"{shown(url)}: status {answer.status}")
            content = answer.read(_LARGEST + 1)
            answer.release_conn()
            return json.loads(content)
        except (ValueError, HTTPError) as error:
            raise ProviderError(f"{shown(url)}: an answer that is no JSON") from error
        except BaseException:
            answer.close()
            raise


def service_of(options: Mapping[str, str], url: str) -> Service:
    """The service at a URL, with the credentials in a provider's options."""
    pools = Pools()
    return Service(credentials_of(options, (url,), pools), manners_of(options))
