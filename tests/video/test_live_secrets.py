"""Passwords and tokens reach no name, log, error, or list of processes."""

import logging
import os
import socket
import threading
import time
from base64 import b64encode
from contextlib import suppress
from urllib.parse import quote

import pytest
from support.making_videos import write_video
from support.publishing import InBackground, free_port

from streamdeq.errors import StreamdeqError
from streamdeq.video import LivePolicy, LiveSource, Patience, open_source, redacted
from streamdeq.video.live.address import parse_address
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
        ("http://cam/a.m3u8?***", "http://cam/a.m3u8?token=hunter2&x=1"),
        ("http://cam/a?***", "http://cam/a?x=1&API_Key=hunter2"),
        ("http://cam/a?***", "http://cam/a?user=admin&pwd=hunter2"),
        ("http://cam/a?***", "http://cam/a?X-Amz-Signature=hunter2"),
        ("http://cam/a?***", f"http://cam/a?v={TOKEN}"),
        ("http://cam/a?***", f"http://cam/a?{TOKEN}"),
        ("http://cam/a#***", "http://cam/a#access_token=hunter2"),
        ("rtsp://cam/live?***", "rtsp://cam/live?channel=1&subtype=0"),
        ("http://cam/a?***", "http://cam/a?k=hunter2"),
        ("rtsp://cam:554/***", "rtsp://cam:554/user=admin_password=hunter2_channel=1_stream=0.sdp"),
        ("rtsp://cam/…/live", "rtsp://cam/s3cr3tt0ken/live"),
        ("http://cam/…/***", f"http://cam/hls/{TOKEN}"),
        ("rtsp://cam/***", "rtsp://cam/a8f3k2z9"),
        ("rtsp://cam/***", "rtsp://cam/mypassword"),
        ("http://cam/…/index.m3u8", "http://cam/u/admin/p/hunter2/index.m3u8"),
        ("rtsp://cam/…/ch01", "rtsp://cam/Streaming/Channels/ch01"),
        ("http://cam/", "http://cam/"),
        ("tcp://127.0.0.1:5000?listen=1", "tcp://127.0.0.1:5000?listen=1"),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000"),
        ("/videos/clip.mp4", "/videos/clip.mp4"),
    ],
)
def test_addresses_are_shown_without_their_secrets(shown, address):
    assert redacted(f"cannot open '{address}': refused") == f"cannot open '{shown}': refused"


def test_a_folder_that_says_what_is_in_it_does_not_spoil_the_words_of_an_error():
    redact = Redactor("http://user:hunter2@camera/auth/key/a.mp4")
    assert (
        redact("401 Unauthorized (keyframe, authorization) hunter2") == "401 Unauthorized (keyframe, authorization) ***"
    )


def test_secrets_are_found_where_they_stand_alone():
    hide = Redactor("rtsp://admin:p%40ss%20word@cam/a?token=hunter2-x", ("Bearer-12345",))
    hidden = Redactor("rtsp://cam/user=admin_password=hunter2_channel=1")
    assert hidden("no admin, hunter2 at cam") == "no ***, *** at cam"
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
        server.settimeout(60)
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
    assert f"{scheme}://***@127.0.0.1:{port}/live?***" in str(error)


def asked_of(server):
    """The first request that comes, as text."""
    with server.accept()[0] as connection:
        connection.settimeout(60)
        return connection.recv(4096).decode()


def test_what_an_address_names_is_filled_in_as_it_is_opened_and_told_nowhere(tmp_path, monkeypatch, caplog):
    secrets = ("adm/in", "p@ss w\u00f6rd:1", "t0ken&x=1")
    monkeypatch.setenv("CAM_USER", secrets[0])
    (tmp_path / "password").write_text(secrets[1] + "\n")
    monkeypatch.setenv("CAM_TOKEN", secrets[2])
    policy = LivePolicy(patience=Patience(open_timeout_s=5, max_attempts=1))
    with socket.create_server(("127.0.0.1", 0)) as server, caplog.at_level(logging.DEBUG):
        server.settimeout(60)
        port = server.getsockname()[1]
        address = f"${{CAM_USER}}:${{file:{tmp_path}/password}}@127.0.0.1:{port}/live?token=${{CAM_TOKEN}}"
        asking = InBackground(asked_of(server) for _ in range(1))
        source = open_source(f"http://{address}", live=policy)  # asked whether it is a file; it does not answer
        seen = [repr(source), source.name, repr(source.info), all_command_lines()]
        source.close()
        asking.join()
        request = asking.items[0]
        login = b64encode(f"{secrets[0]}:{secrets[1]}".encode()).decode()
        assert f"Authorization: Basic {login}" in request
        assert "GET /live?token=t0ken%26x%3D1 HTTP" in request
    seen.append(caplog.text)
    for secret in (*secrets, *map(quote, secrets), login):
        assert not [text for text in seen if secret in text]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("${CAM_NONE}", "CAM_NONE is not set in the environment: set it, or leave ${CAM_NONE} out"),
        ("${CAM_EMPTY}", "CAM_EMPTY is not set in the environment"),
        ("${file:/no/such/file}", "/no/such/file: No such file or directory; check its path and rights"),
        ("${file:/}", "/ is no regular file"),
        ("${file:/dev/zero}", "/dev/zero is no regular file"),
        ("${}", "expected ${NAME} or ${file:PATH}, got ${}"),
        ("${a b}", "expected ${NAME} or ${file:PATH}, got ${a b}"),
    ],
)
def test_what_is_named_and_not_there_is_one_line(named, said, monkeypatch):
    monkeypatch.setenv("CAM_USER", "hunter2")
    monkeypatch.setenv("CAM_EMPTY", "")
    with pytest.raises(StreamdeqError) as caught:
        open_source(f"rtsp://${{CAM_USER}}:{named}@cam/live")
    assert str(caught.value).startswith(f"cannot read rtsp://***@cam/live: {said}")
    assert "hunter2" not in str(caught.value)


def test_a_file_of_more_than_a_secret_is_refused_and_not_told(tmp_path):
    for content in ("hunter2\nhunter3\n", "x" * 10_000):
        (tmp_path / "password").write_text(content)
        with pytest.raises(StreamdeqError, match=r"expected one short line in .*password") as caught:
            open_source(f"rtsp://admin:${{file:{tmp_path}/password}}@cam/live")
        assert not any(word in str(caught.value) for word in content.split())


def test_secrets_that_were_named_are_taken_out_of_what_the_library_says(monkeypatch):
    monkeypatch.setenv("CAM_PATH", "live5")
    address = parse_address("rtsp://cam/${CAM_PATH}")
    assert address is not None
    assert (address.label, address.name) == ("rtsp://cam/***", "rtsp-cam")
    assert address.redactor({})("no live5 at rtsp://cam/live5") == "no *** at rtsp://cam/***"


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
