"""Passwords and tokens reach no name, log, error, or list of processes."""

import logging
import os
import socket
import threading
import time
from contextlib import suppress

import pytest
from support.making_videos import write_video
from support.publishing import InBackground, free_port

from streamdeq.errors import StreamdeqError
from streamdeq.video import LivePolicy, LiveSource, Patience, open_source, redacted
from streamdeq.video.live.redact import Redactor

TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8o"


@pytest.mark.parametrize(
    ("shown", "address"),
    [
        ("rtsp://***@cam:554/live", "rtsp://admin:hunter2@cam:554/live"),
        ("rtsp://***@cam/live", "rtsp://admin@cam/live"),
        ("rtsp://***@cam/live", "rtsp://admin:p@ss@cam/live"),
        ("rtsp://***@cam/live", "rtsp://admin:p/a?s#s@cam/live"),
        ("rtsp:/***@cam/live", "rtsp:/admin:hunter2@cam/live"),
        ("http://cam/a.m3u8?token=***&x=1", "http://cam/a.m3u8?token=hunter2&x=1"),
        ("http://cam/a?x=1&API_Key=***", "http://cam/a?x=1&API_Key=hunter2"),
        ("http://cam/a?user=***&pwd=***", "http://cam/a?user=admin&pwd=hunter2"),
        ("http://cam/a?X-Amz-Signature=***", "http://cam/a?X-Amz-Signature=hunter2"),
        ("http://cam/a?v=***", f"http://cam/a?v={TOKEN}"),
        ("http://cam/a?***", f"http://cam/a?{TOKEN}"),
        ("http://cam/a#access_token=***", "http://cam/a#access_token=hunter2"),
        ("rtsp://cam/live?channel=1&subtype=0", "rtsp://cam/live?channel=1&subtype=0"),
        ("tcp://127.0.0.1:5000?listen=1", "tcp://127.0.0.1:5000?listen=1"),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000"),
        ("/videos/clip.mp4", "/videos/clip.mp4"),
    ],
)
def test_addresses_are_shown_without_their_secrets(shown, address):
    assert redacted(f"cannot open '{address}': refused") == f"cannot open '{shown}': refused"


def test_secrets_are_found_where_they_stand_alone():
    hide = Redactor("rtsp://admin:p%40ss%20word@cam/a?token=hunter2-x", ("Bearer-12345",))
    text = hide("p@ss word, p%40ss%20word, hunter2-x, Bearer-12345; camera cam said no")
    assert text == "***, ***, ***, ***; camera cam said no"


def all_command_lines():
    lines = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as line, open(f"/proc/{pid}/comm") as title:
                lines.append(line.read() + title.read())
        except OSError:
            pass  # it has just ended
    return "\n".join(lines)


@pytest.mark.parametrize("scheme", ["rtsp", "http", "tcp"])
def test_no_secret_is_told_while_a_source_is_read_lost_and_given_up(scheme, caplog):
    """A server that accepts once and keeps silent, and then is gone."""
    secrets = ("hunter2", "s3cr3t-v4lue", "hdr-value-123")
    policy = LivePolicy(
        patience=Patience(open_timeout_s=0.5, first_delay_s=0.05, longest_delay_s=0.1, max_attempts=2),
        options={"user_agent": secrets[2]} if scheme == "http" else {},
    )
    with socket.create_server(("127.0.0.1", 0)) as server, caplog.at_level(logging.DEBUG):
        port = server.getsockname()[1]
        address = f"{scheme}://admin:{secrets[0]}@127.0.0.1:{port}/live?token={secrets[1]}"
        source = open_source(address, live=policy)
        seen = [repr(source), source.name, repr(source.info), repr(policy)]
        consumer = InBackground(source)
        server.settimeout(20)
        if scheme == "tcp":
            # FFmpeg takes no login for plain TCP: whatever it makes of it, nobody must hear of it.
            time.sleep(0.5)
            seen.append(all_command_lines())
        else:
            with server.accept()[0]:
                seen += [all_command_lines(), *(thread.name for thread in threading.enumerate())]
        server.close()
        consumer.join()
    error = consumer.error
    seen += [str(error), repr(error), repr(error.__cause__), repr(error.__context__), caplog.text, source.stats.note]
    for secret in (*secrets, "admin"):
        assert not [text for text in seen if secret in text]
    assert f"{scheme}://***@127.0.0.1:{port}/live?token=***" in str(error)


def test_nothing_secret_is_in_the_readers_environment():
    source = LiveSource(f"rtsp://admin:hunter2@127.0.0.1:{free_port()}/live?listen", LivePolicy())
    consumer = InBackground(source)
    while not source.reader_pid:
        time.sleep(0.01)
    with open(f"/proc/{source.reader_pid}/environ") as environ:
        assert "hunter2" not in environ.read()
    source.close()
    consumer.join()


def test_a_servers_play_list_reaches_no_file_and_no_other_address(tmp_path):
    film = write_video(tmp_path / "secret.ts", 30)
    list_ = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nfile://{film}\n#EXT-X-ENDLIST\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(list_)

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        policy = LivePolicy(patience=Patience(first_delay_s=0.05, longest_delay_s=0.1, max_attempts=1))
        with open_source(f"tcp://127.0.0.1:{port}/x.m3u8", live=policy) as source, pytest.raises(StreamdeqError):
            list(source)
        assert source.stats.decoded == 0
