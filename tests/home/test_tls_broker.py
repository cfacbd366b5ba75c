"""The link to a mosquitto that speaks TLS: whom we trust, and who trusts us."""

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moshi_speaker.home import tls
from moshi_speaker.home.handshake import explain
from moshi_speaker.settings import TlsSettings
from tests.certificates import Authority, Issued
from tests.home.conftest import OpenLink
from tests.mosquitto import Mosquitto

PATIENCE_S = 10.0
PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])
Log = queue.Queue[str]
Serve = Callable[..., Mosquitto]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the house."""
    return Authority(tmp_path_factory.mktemp("ours"), "house")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the house does not know."""
    return Authority(tmp_path_factory.mktemp("foreign"), "stranger")


@pytest.fixture(scope="module")
def server(ours: Authority) -> Issued:
    """The broker's certificate, for its address only."""
    return ours.issue("broker", "IP:127.0.0.1")


@pytest.fixture
def serve(tmp_path: Path, ours: Authority) -> Iterator[Serve]:
    """Starts a broker that shows a certificate and trusts our authority."""
    started: list[Mosquitto] = []

    def start(shown: Issued, *lines: str) -> Mosquitto:
        files = (f"cafile {ours.certificate}", f"certfile {shown.certificate}", f"keyfile {shown.key}")
        started.append(Mosquitto(tmp_path, *files, "allow_anonymous true", *lines))
        started[-1].start()
        return started[-1]

    yield start
    for broker in started:
        broker.stop()


def trusting(authority: Authority, **more: Any) -> dict[str, object]:  # noqa: ANN401 (any setting)
    return {"enabled": True, "ca_cert": authority.certificate, **more}


def showing(issued: Issued) -> dict[str, Path]:
    return {"client_cert": issued.certificate, "client_key": issued.key}


def only_line(warned: Log, broker: Mosquitto) -> str:
    """What is told of a link that comes about in no try; the same is not told again."""
    line = warned.get(timeout=PATIENCE_S)
    while broker.log.count("New connection") < 5:  # further tries
        threading.Event().wait(0.01)
    assert warned.empty(), warned.get()
    return line.replace(f":{broker.port}", "")


# --- Whom we trust ------------------------------------------------------------------------------


@PROTOCOLS
def test_the_broker_of_the_house_is_trusted(
    serve: Serve, open_link: OpenLink, told: Log, ours: Authority, server: Issued, protocol: str
) -> None:
    broker = serve(server)
    open_link(broker.port, tls=trusting(ours), protocol=protocol)
    assert told.get(timeout=PATIENCE_S).startswith("connected to the MQTT broker")


def test_the_certificate_of_the_broker_itself_may_be_what_is_trusted(
    serve: Serve, open_link: OpenLink, told: Log, server: Issued
) -> None:
    open_link(serve(server).port, tls={"enabled": True, "ca_cert": server.certificate})
    assert told.get(timeout=PATIENCE_S).startswith("connected to the MQTT broker")


@PROTOCOLS
@pytest.mark.parametrize("trusted", ["another authority", "the system"])
def test_a_broker_of_an_unknown_authority_is_not_trusted(
    serve: Serve,
    open_link: OpenLink,
    warned: Log,
    foreign: Authority,
    server: Issued,
    trusted: str,
    protocol: str,
) -> None:
    broker = serve(server)
    settings = trusting(foreign) if trusted == "another authority" else {"enabled": True}
    open_link(broker.port, tls=settings, protocol=protocol)
    assert only_line(warned, broker) == (
        "MQTT broker 127.0.0.1: the broker's certificate is of an authority that we do not trust; set"
        " mqtt.tls.ca_cert to the certificate of that authority; talk goes on without it"
    )


@PROTOCOLS
def test_a_broker_of_another_name_is_not_trusted(
    serve: Serve, open_link: OpenLink, warned: Log, ours: Authority, server: Issued, protocol: str
) -> None:
    broker = serve(server)
    open_link(broker.port, host="localhost", tls=trusting(ours), protocol=protocol)
    assert only_line(warned, broker) == (
        "MQTT broker localhost: the broker's certificate is for another name; set mqtt.host to the name in"
        " the certificate; mqtt.tls.insecure would accept any; talk goes on without it"
    )


def test_insecure_accepts_another_name(
    serve: Serve, open_link: OpenLink, told: Log, ours: Authority, server: Issued
) -> None:
    open_link(serve(server).port, host="localhost", tls=trusting(ours, insecure=True))
    assert told.get(timeout=PATIENCE_S).startswith("connected to the MQTT broker")


@pytest.mark.parametrize("insecure", [False, True])
def test_an_expired_certificate_is_not_trusted(
    serve: Serve, open_link: OpenLink, warned: Log, ours: Authority, insecure: bool
) -> None:
    broker = serve(ours.issue("expired", "IP:127.0.0.1", days=-1))
    open_link(broker.port, tls=trusting(ours, insecure=insecure))
    assert only_line(warned, broker) == (
        "MQTT broker 127.0.0.1: the broker's certificate has expired; renew it, or set this machine's clock;"
        " talk goes on without it"
    )


def test_insecure_still_wants_an_authority_that_we_trust(
    serve: Serve, open_link: OpenLink, warned: Log, foreign: Authority, server: Issued
) -> None:
    broker = serve(server)
    open_link(broker.port, tls=trusting(foreign, insecure=True))
    assert "of an authority that we do not trust" in only_line(warned, broker)


# --- Who trusts us ------------------------------------------------------------------------------

REQUIRE = "require_certificate true"


@PROTOCOLS
def test_our_certificate_lets_us_in(
    serve: Serve, open_link: OpenLink, told: Log, ours: Authority, server: Issued, protocol: str
) -> None:
    broker = serve(server, REQUIRE, "use_identity_as_username true")
    client = ours.issue("speaker", "DNS:speaker")
    open_link(broker.port, tls=trusting(ours, **showing(client)), protocol=protocol)
    assert told.get(timeout=PATIENCE_S).startswith("connected to the MQTT broker")
    assert "u'speaker'" in broker.log  # the name in the certificate


@PROTOCOLS
def test_a_broker_that_wants_a_certificate_of_ours_is_told(
    serve: Serve, open_link: OpenLink, warned: Log, ours: Authority, server: Issued, protocol: str
) -> None:
    broker = serve(server, REQUIRE)
    open_link(broker.port, tls=trusting(ours), protocol=protocol)
    assert only_line(warned, broker) == (
        "MQTT broker 127.0.0.1: the broker wants a certificate of ours; set mqtt.tls.client_cert and"
        " mqtt.tls.client_key; talk goes on without it"
    )


def test_our_certificate_has_expired(
    serve: Serve, open_link: OpenLink, warned: Log, ours: Authority, server: Issued
) -> None:
    broker = serve(server, REQUIRE)
    old = ours.issue("old", "DNS:speaker", days=-1)
    open_link(broker.port, tls=trusting(ours, **showing(old)))
    assert only_line(warned, broker) == (
        "MQTT broker 127.0.0.1: the broker says that our certificate has expired; renew mqtt.tls.client_cert;"
        " talk goes on without it"
    )


def test_our_certificate_is_of_an_authority_that_the_broker_does_not_trust(
    serve: Serve, open_link: OpenLink, warned: Log, ours: Authority, foreign: Authority, server: Issued
) -> None:
    broker = serve(server, REQUIRE)
    stranger = foreign.issue("stranger", "DNS:speaker")
    open_link(broker.port, tls=trusting(ours, **showing(stranger)))
    assert only_line(warned, broker) == (
        "MQTT broker 127.0.0.1: the broker does not trust the authority of our certificate; use a certificate"
        " of the broker's authority as mqtt.tls.client_cert; talk goes on without it"
    )


def test_a_link_that_comes_about_later_forgets_what_was_wrong(
    tmp_path: Path, open_link: OpenLink, told: Log, ours: Authority, server: Issued
) -> None:
    files = (f"cafile {ours.certificate}", f"certfile {server.certificate}", f"keyfile {server.key}")
    broker = Mosquitto(tmp_path, *files, "allow_anonymous true", REQUIRE)
    broker.start()
    open_link(broker.port, tls=trusting(ours))
    assert "wants a certificate of ours" in told.get(timeout=PATIENCE_S)
    broker.stop()
    config = next(tmp_path.glob("mosquitto-*.conf"))
    config.write_text(config.read_text().replace(REQUIRE, ""))
    broker.start()
    lines = [told.get(timeout=PATIENCE_S)]
    while not lines[-1].startswith("connected"):
        lines.append(told.get(timeout=PATIENCE_S))
    broker.kill()
    assert "certificate" not in told.get(timeout=PATIENCE_S)


# --- TLS 1.2, where all of this is part of the handshake ------------------------------------------


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("none", "the broker wants a certificate of ours"),
        ("old", "the broker says that our certificate has expired"),
        ("stranger", "the broker does not trust the authority of our certificate"),
    ],
)
def test_the_older_tls_says_the_same(
    ours: Authority, foreign: Authority, server: Issued, client: str, expected: str
) -> None:
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.maximum_version = ssl.TLSVersion.TLSv1_2
    there.load_cert_chain(server.certificate, server.key)
    there.load_verify_locations(ours.certificate)
    there.verify_mode = ssl.CERT_REQUIRED
    shown = {
        "none": {},
        "old": showing(ours.issue("old12", "DNS:speaker", days=-1)),
        "stranger": showing(foreign.issue("stranger12", "DNS:speaker")),
    }[client]
    made = tls.context(TlsSettings.model_validate(trusting(ours, **shown)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=shake_hands, args=(listener, there))
        thread.start()
        plain = socket.create_connection(listener.getsockname())
        with pytest.raises(ssl.SSLError) as raised:
            made.wrap_socket(plain, server_hostname="127.0.0.1")
        thread.join(PATIENCE_S)
    kind, what, _ = explain(raised.value)
    assert (kind, what) == ("our certificate", expected)


def shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Take one connection, which comes to nothing."""
    connection, _ = listener.accept()
    with connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection, server_side=True)
