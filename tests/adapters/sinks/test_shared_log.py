"""Many results logs of a service, of which a few files are open."""

import os
from pathlib import Path

import anyio
import pytest

from dialer.adapters.sinks.shared_log import OPEN_MAX, ResultsFolder, SharedLog
from dialer.domain.errors import DialerError
from dialer.domain.results import ResultLine


def line(seq: int) -> ResultLine:
    return ResultLine(seq, b'{"seq":%d}' % seq)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_files_that_are_open_are_bounded_and_each_log_is_whole(tmp_path: Path) -> None:
    async def write() -> None:
        before = open_files()
        folder = ResultsFolder(tmp_path)
        logs = [SharedLog(folder, f"c{n}") for n in range(4 * OPEN_MAX)]
        for seq in (1, 2, 3):
            for each in logs:
                assert each.last_seq() == seq - 1
                await each.append([line(seq)])
                assert open_files() <= before + OPEN_MAX + 1
        for each in logs:
            each.close()
        folder.close()
        assert open_files() == before

    anyio.run(write)
    for path in tmp_path.glob("*.jsonl"):
        assert path.read_bytes() == b'{"seq":1}\n{"seq":2}\n{"seq":3}\n'


def test_a_file_that_was_moved_while_it_was_closed_is_told_of_and_begun_anew(tmp_path: Path) -> None:
    async def write() -> None:
        folder = ResultsFolder(tmp_path)
        log = SharedLog(folder, "spring")
        log.last_seq()
        await log.append([line(1)])
        log.let_go()
        (tmp_path / "spring.jsonl").unlink()
        assert log.last_seq() == 1
        with pytest.raises(DialerError, match="changed"):
            await log.append([line(2)])
        assert log.last_seq() == 0
        await log.append([line(1), line(2)])
        log.close()
        folder.close()

    anyio.run(write)
