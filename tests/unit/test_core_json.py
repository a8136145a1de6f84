# SPDX-License-Identifier: GPL-2.0-only
"""What the JSON writer writes, Python's own parser reads; for any bytes."""
import base64
import datetime
import json
import struct

import pytest
from hypothesis import example, given, settings, strategies as st

from core_build import Driver
from core_record import harmless


@pytest.fixture(scope="module")
def driver():
    with Driver("json_driver") as driver:
        yield driver


def ask(driver, data):
    return json.loads(driver.ask(data).decode("utf-8"), strict=True)


def escaped(data):
    """The contract: UTF-8 passes, each byte of anything else is backslash x NN."""
    return data.decode("utf-8", errors="backslashreplace")


anything = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from([
        b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
        b"\xf0\x80\x80\x80", b"\xf8", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b'"',
        b"\\", b"\x00", b"\x1b", b"\x7f", b"\xc2\x9b", b"\xe2\x80\xae", b"ok", b"\xf0\x9f\x98\x80",
    ]), max_size=8).map(b"".join),
)


@settings(max_examples=300, deadline=None)
@given(anything)
@example(b"")
def test_any_bytes(driver, data):
    answer = ask(driver, data)
    text, encoded, valid, shown = answer["values"][:4]
    assert text == escaped(data)
    assert base64.b64decode(encoded, validate=True) == data
    assert valid == (text.encode("utf-8", "surrogatepass") == data)
    assert harmless(shown)
    assert answer["none"] == {} and answer["raw"] == [1, 2] and answer["values"][-1] is None


@settings(max_examples=50, deadline=None)
@given(anything)
def test_nothing_raw_that_acts_on_a_terminal(driver, data):
    assert harmless(driver.ask(data).decode("utf-8"))


def test_every_character_survives(driver):
    for start in range(0, 0x110000, 0x2000):
        text = "".join(chr(c) for c in range(start, start + 0x2000) if not 0xD800 <= c <= 0xDFFF)
        assert ask(driver, text.encode())["values"][0] == text


EPOCH = datetime.datetime(1970, 1, 1)


def expected_time(sec, nsec):
    if -62135596800 <= sec <= 253402300799 - 5:
        day = EPOCH + datetime.timedelta(seconds=sec + nsec // 10**9)
        return day.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + ".%09dZ" % (nsec % 10**9)
    return None


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.integers(-2**63, 2**63 - 1), st.integers(-62135596800, 253402300000)),
    st.one_of(st.integers(0, 999999999), st.integers(0, 2**32 - 1)),
    st.integers(0, 2**32 - 1),
)
@example(-62167219200, 0, 0)
@example(-62167219201, 999999999, 0)
@example(253402300799, 1000000000, 0)
def test_numbers_and_times(driver, sec, nsec, small):
    values = ask(driver, struct.pack("=qII", sec, nsec, small))["values"]
    time, time_ns, dev, mode, signed, unsigned, number_text = values[4:11]
    if expected_time(sec, nsec):
        assert time == expected_time(sec, nsec)
    elif not -62167219200 <= sec < 253402300800 or sec == 253402300799 and nsec >= 10**9:
        assert time is None
    assert time_ns == expected_time(sec // 10**9, sec % 10**9)
    assert dev == "%d:%d" % (small >> 20, small & 0xFFFFF)
    assert mode == "%04o" % (small & 0o7777)
    assert (signed, unsigned, number_text) == (sec, sec % 2**64, str(sec % 2**64))


def test_year_zero_is_four_digits(driver):
    assert ask(driver, struct.pack("=qII", -62167219200, 0, 0))["values"][4] == \
        "0000-01-01T00:00:00.000000000Z"
