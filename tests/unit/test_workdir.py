# SPDX-License-Identifier: Apache-2.0
"""Work folders: none is left behind, however a worker ends."""

import subprocess
import sys

import pytest

from agents.worker import workdir
from agents.worker.workdir import Workshop
from streams.errors import NodeExhausted


def test_every_order_gets_an_empty_folder_of_its_own(tmp_path):
    workshop = Workshop(tmp_path / "node", "downloader")
    with workshop.folder() as one, workshop.folder() as other:
        assert one != other
        assert list(one.iterdir()) == []
    workshop.close()


def test_folder_is_removed_with_all_it_holds(tmp_path):
    workshop = Workshop(tmp_path, "downloader")
    kept = []

    def fail():
        with workshop.folder() as work:
            kept.append(work)
            (work / "a/b").mkdir(parents=True)
            (work / "a/b/c").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not kept[0].exists()
    workshop.close()


def test_closed_workshop_leaves_nothing(tmp_path):
    workshop = Workshop(tmp_path, "downloader")
    workshop.close()
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_killed_worker_is_swept_by_the_next(tmp_path):
    dead = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from pathlib import Path\n"
            "from agents.worker.workdir import Workshop\n"
            "workshop = Workshop(Path(sys.argv[1]), 'dead')\n"
            "with workshop.folder() as work:\n"
            "    (work / 'gigabytes').touch()\n"
            "    print('ready', flush=True)\n"
            "    sys.stdin.read()\n",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with dead:
        assert dead.stdout.readline() == b"ready\n"
        dead.kill()
    assert len(list(tmp_path.iterdir())) == 1
    workshop = Workshop(tmp_path, "next")
    assert [path.name[:5] for path in tmp_path.iterdir()] == ["next-"]
    workshop.close()


def test_folder_of_a_living_worker_is_left_alone(tmp_path):
    living = Workshop(tmp_path, "living")
    with living.folder() as work:
        Workshop(tmp_path, "next").close()
        assert work.is_dir()
    living.close()


def test_full_disk_is_the_nodes_failure(tmp_path, monkeypatch):
    workshop = Workshop(tmp_path, "downloader")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workdir, "mkdtemp", full)
    with pytest.raises(NodeExhausted, match="No space left"), workshop.folder():
        pass
    workshop.close()
