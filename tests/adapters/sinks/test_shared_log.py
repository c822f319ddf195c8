"""Many results logs of a service, of which a few files are open."""

import os
from pathlib import Path

import anyio
import pytest

from dialer.adapters.sinks.shared_log import NOTHING_TO_WRITE, OPEN_MAX, ResultsFolder, RunLog, SharedLog
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


def test_after_a_move_the_next_lines_go_into_a_new_file(tmp_path: Path) -> None:
    async def write() -> None:
        folder = ResultsFolder(tmp_path)
        log = SharedLog(folder, "spring")
        log.last_seq()
        await log.append([line(1), line(2)])
        (tmp_path / "spring.jsonl").rename(tmp_path / "spring.jsonl.1")
        await log.append([line(3)])
        folder.reopen()
        assert log.last_seq() == 3
        await log.append([line(4)])
        log.close()
        again = SharedLog(folder, "spring")
        (tmp_path / "spring.jsonl").rename(tmp_path / "spring.jsonl.2")
        assert again.last_seq() == 4, "a restart does not write it all again"
        await again.append([line(5)])
        again.close()
        folder.close()

    anyio.run(write)
    written = [(tmp_path / f"spring.jsonl{end}").read_bytes() for end in (".1", ".2", "")]
    assert written == [b'{"seq":1}\n{"seq":2}\n{"seq":3}\n', b'{"seq":4}\n', b'{"seq":5}\n']


def test_a_file_that_lost_lines_while_it_was_closed_is_told_of_and_goes_on_from_there(tmp_path: Path) -> None:
    async def write() -> None:
        folder = ResultsFolder(tmp_path)
        log = SharedLog(folder, "spring")
        log.last_seq()
        await log.append([line(1), line(2)])
        log.let_go()
        (tmp_path / "spring.jsonl").write_bytes(b'{"seq":1}\n')
        assert log.last_seq() == 2
        with pytest.raises(DialerError, match="changed"):
            await log.append([line(3)])
        assert log.last_seq() == 1
        await log.append([line(2), line(3)])
        log.close()
        folder.close()

    anyio.run(write)


# --- beside a run ---------------------------------------------------------------------------------------


def test_one_process_writes_a_log_whoever_opens_it(tmp_path: Path) -> None:
    async def write() -> None:
        run = RunLog(tmp_path / "spring.jsonl")
        assert run.last_seq() == 0
        folder = ResultsFolder(tmp_path)
        service = SharedLog(folder, "spring")
        assert service.last_seq() == NOTHING_TO_WRITE, "the run writes it"
        await run.append([line(1)])
        again = RunLog(tmp_path / "spring.jsonl")
        assert again.last_seq() == NOTHING_TO_WRITE
        run.close()
        assert service.last_seq() == 1
        assert again.last_seq() == NOTHING_TO_WRITE, "now the service does"
        service.close()
        assert again.last_seq() == 1
        again.close()
        folder.close()

    anyio.run(write)
