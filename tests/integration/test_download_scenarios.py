# SPDX-License-Identifier: Apache-2.0
"""Orders carried out by the downloader with providers on the loopback, on a real store.

The scenarios' numbers are those of the acceptance list; 1, 12 and 14 are in
`test_transfer.py`, 6 in `tests/unit/test_archive.py`.
"""

import threading
import urllib.request
import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
from msgspec.structs import replace

from agents.downloader.download import Downloading
from agents.downloader.providers import url
from agents.downloader.transfer.gate import Breakers
from agents.worker.desk import Desk
from infra.local import s3
from infra.minio.store import open_store
from streams import transitions
from streams.codec import pack
from streams.errors import IngesterError
from streams.events import DownloadDone, DownloadFailed
from streams.failures import TREATMENT, Cost, Failure
from streams.model import Part, Scene, Status
from streams.orders import DownloadOrder
from streams.topics import DOWNLOADS, TASKS
from streams.transitions import Course
from tests.errands import QUICK, archive, content
from tests.origins import web
from tests.system import free_port, wait_for
from tests.trades import AREA, NOW, carried_out, equipment, ordered, some_settings

FILES = {"S.SAFE/a": content(40_000), "S.SAFE/b": b"2"}
PRODUCT = archive(FILES)


def an_order(scene="S", attempt=1, **metadata):
    parts = (Part(scene),)
    made = Scene(scene, "x", NOW, parts=parts, metadata=metadata)
    task = f"{AREA}/{scene}"
    return ordered(DownloadOrder(AREA, task, attempt, "i", some_settings(), made))


@pytest.fixture
def trade(stack, bucket, tmp_path):
    """A downloader that stores in the embedded object store."""
    store = open_store(s3.options(stack.environment()))
    common = {**equipment(tmp_path), "store": store, "storage_uri": f"s3://{bucket}"}
    breakers = Breakers()

    def make(**providers):
        return Downloading(**common, providers=providers, breakers=breakers)

    yield make
    common["workshop"].close()


def provider(origin, name="{SCENE}.zip", **options):
    return url.make({"urls": f"{origin.url}/{name}", **QUICK, **options})


def fact_of(trade, order):
    """What the worker's loop tells of an order."""
    try:
        return carried_out(trade, order).message
    except IngesterError as error:
        (fact,) = trade.fail(order, error, error.failure, Desk())
        return fact.message


def product_of(trade, done, tmp_path):
    """The files of the product that was stored."""
    (layer,) = done.deliveries[0].layers
    file = tmp_path / "stored"
    assert trade.store.get(layer.uri, file) == (layer.size_bytes, layer.sha256)
    with zipfile.ZipFile(BytesIO(file.read_bytes())) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def test_scenario_2_refused_then_absent_then_delivered(trade, tmp_path):
    with web({"S.zip": PRODUCT}) as good, web() as bare, web() as closed:
        closed.tokens = {"another"}
        one = trade(a=provider(closed), b=provider(bare), c=provider(good))
        done = fact_of(one, an_order())
    assert isinstance(done, DownloadDone)
    assert done.provider == "c"
    failures = [trial.failure for trial in done.trials]
    assert failures == [Failure.AUTH, Failure.NOT_FOUND, None]
    assert [trial.size_bytes for trial in done.trials] == [0, 0, len(PRODUCT)]
    assert product_of(one, done, tmp_path) == FILES


def test_scenario_3_what_one_provider_began_another_one_does_not_go_on_with(
    trade, tmp_path
):
    other = {name: body[::-1] for name, body in FILES.items()}
    with web({"S.zip": archive(other)}) as dies, web({"S.zip": PRODUCT}) as good:
        dies.faults = ["cut 0.5"] + ["503"] * 50
        one = trade(a=provider(dies), b=provider(good))
        done = fact_of(one, an_order())
    assert [trial.failure for trial in done.trials] == [Failure.TRANSIENT_NET, None]
    assert 0 < done.trials[0].size_bytes < len(PRODUCT)
    assert product_of(one, done, tmp_path) == FILES


def test_scenario_4_staged_product_holds_no_worker(trade, tmp_path):
    with web({"S.zip": PRODUCT}) as tapes:
        one, course = trade(a=provider(tapes)), transitions.ordered(Course())
        for attempt in (1, 2, 3):
            tapes.faults = ["202 3600"]
            failed = fact_of(one, an_order(attempt=attempt))
            assert isinstance(failed, DownloadFailed)
            assert (failed.failure, failed.retry_after_s) == (Failure.STAGING, 3600)
            course = transitions.failed(
                course,
                failed.failure,
                failed.message,
                NOW,
                some_settings(),
                failed.retry_after_s,
            )
            # The order of the next attempt says when it may begin.
            assert course.not_before == NOW + timedelta(hours=1)
            assert (course.status, course.setbacks) == (Status.NEW, 0)
            course = transitions.ordered(course)
        assert len(tapes.asked) == 3
        assert isinstance(fact_of(one, an_order(attempt=4)), DownloadDone)


def test_scenario_5_refused_for_ever_burns_no_task(trade, capfd):
    with web({"S.zip": PRODUCT}) as closed:
        closed.tokens = {"another"}
        one = trade(a=provider(closed))
        facts = [fact_of(one, an_order(f"S{number}")) for number in range(5)]
    assert {fact.failure for fact in facts} == {Failure.AUTH}
    # One asked, the others wait: the provider does not lock the account.
    assert len(closed.asked) == 1
    assert TREATMENT[Failure.AUTH].cost is Cost.WAIT
    course = Course()
    for _ in range(100):
        course = transitions.failed(
            transitions.ordered(course), Failure.AUTH, "no", NOW, some_settings()
        )
    assert course.status is Status.NEW
    said = capfd.readouterr()
    assert (said.out + said.err).count("provider_left_alone") == 1


def test_scenario_8_order_delivered_five_times_is_carried_out_once(trade, tmp_path):
    """F21."""
    with web({"S.zip": PRODUCT}) as origin:
        origin.pace_s = 0.05
        one, facts = trade(a=provider(origin)), []
        threads = [
            threading.Thread(target=lambda: facts.append(fact_of(one, an_order())))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        facts += [fact_of(one, an_order()) for _ in range(3)]
    layers = {fact.deliveries for fact in facts}
    assert len(layers) == 1
    assert len({fact.trials for fact in facts}) == 1, "one manifest speaks for all"
    assert product_of(one, facts[0], tmp_path) == FILES


def test_bytes_are_seen_while_they_come(trade):
    with web({"S.zip": PRODUCT}) as origin:
        origin.pace_s = 0.3
        one, desk = trade(a=provider(origin, parallel="1")), Desk()
        order = an_order()
        thread = threading.Thread(target=lambda: list(one.carry_out(order, desk)))
        thread.start()
        wait_for(lambda: 0 < desk.done_bytes < len(PRODUCT), timeout_s=20)
        assert desk.step == "fetch a"
        assert desk.total_bytes == len(PRODUCT)
        thread.join()


SECRETS = (
    "planted-password",
    "planted-token",
    "planted-key",
    "secret-token-1",
    # In queries alone, which nobody is told to be secrets.
    "planted-signature",
    "planted-redirect",
)


def test_scenario_16_no_secret_leaves_the_downloader(system, tmp_path):
    """The real agent, every kind of credentials, servers that repeat them."""
    health = free_port()
    with web({"S.zip": PRODUCT}) as closed, web() as rude:
        closed.tokens = {"another"}
        query = "token=planted-redirect&k=planted-key"
        rude.redirects["/planted-token/S.zip"] = f"{rude.url}/gone?{query}"
        rude.redirects["/basic/S.zip"] = f"http://127.0.0.1:9/closed?{query}"
        rude.answers["/token"] = lambda asked: (401, {"error": str(asked.form)})
        signed = f"{rude.url}/signed?X-Signature=planted-signature"
        names = "url:token,url:basic,url:link,s3:keys,url:oauth"
        settings = {
            "downloader_providers": names,
            "health_listen": f"127.0.0.1:{health}",
            "log_level": "debug",
            "provider_url_token_urls": f"{rude.url}/planted-token/{{SCENE}}.zip",
            "provider_url_token_token": "planted-token",
            "provider_url_basic_urls": f"{rude.url}/basic/{{SCENE}}.zip",
            "provider_url_basic_user": "me",
            "provider_url_basic_password": "planted-password",
            "provider_url_oauth_urls": f"{closed.url}/{{SCENE}}.zip",
            "provider_url_oauth_token_url": f"{closed.url}/token",
            "provider_url_oauth_user": "me",
            "provider_url_oauth_password": "planted-password",
            "provider_url_link_urls": "{download_link}",
            "provider_url_link_api_key": "planted-key",
            "provider_s3_keys_urls": "s3://nowhere/{SCENE}.zip",
            "provider_s3_keys_endpoint": rude.url,
            "provider_s3_keys_access_key": "me",
            "provider_s3_keys_secret_key": "planted-key",
        }
        quick = {
            f"provider_{name.replace(':', '_')}_{key}": value
            for name in names.split(",")
            for key, value in QUICK.items()
        }
        system.start("downloader", **settings, **quick)
        order = an_order("S", download_link=signed)
        system.write(pack(DOWNLOADS.name, order.message.task, order))
        facts = wait_for(
            lambda: [
                e
                for e in system.messages(TASKS.name)
                if "done" in e.id or "failed" in e.id
            ]
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{health}/metrics") as answer:
            metrics = answer.read().decode()
    (fact,) = facts
    tried = [trial.provider for trial in fact.message.trials]
    assert tried == names.split(",")
    assert closed.given
    log = "".join(process.log.read_text() for process in system.processes)
    assert "download" in log
    assert "ingester_downloader_trials_total" in metrics
    for secret in SECRETS:
        for place in (log, repr(fact), metrics):
            assert secret not in place


def test_order_of_another_scene_is_not_hindered(trade):
    """The folder of one order is never another's."""
    with web({"S.zip": PRODUCT, "T.zip": PRODUCT}) as origin:
        one = trade(a=provider(origin))
        facts = [fact_of(one, an_order(name)) for name in ("S", "T")]
    uris = [replace(fact.deliveries[0].layers[0]).uri for fact in facts]
    assert len(set(uris)) == 2
