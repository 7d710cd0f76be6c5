"""One compiled database serves several threads at once, each with a scratch space of its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from extproc.matching.hyperscan import Fast
from extproc.protocol.meter import Meter, SpentError

TEXTS = [b"key_%d = 4111 1111; " % number * (1 + number * 40) for number in range(16)]
THREADS = 4


def test_threads_at_once_find_what_one_finds() -> None:
    fast = Fast({0: rb"[0-9]{4} [0-9]{4}", 5: rb"key_[0-9]{1,4}"})
    alone = [sorted(fast.hits(text)) for text in TEXTS]
    assert len(fast._idle) == 1

    def again(number: int) -> bool:
        text = TEXTS[number % len(TEXTS)]
        with pytest.raises(SpentError):
            fast.hits(text * 200, Meter(3))
        return sorted(fast.hits(text, Meter())) == alone[number % len(TEXTS)]

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(again, range(200)))
    assert 1 <= len(fast._idle) <= THREADS
