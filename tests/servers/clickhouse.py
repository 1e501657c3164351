"""A real ClickHouse server (Debian's 18.16) on free loopback ports: HTTPS, HTTP, native TLS and native.

    with ClickHouse() as server:                    # or ClickHouse(certificates, leaf=certificates.expired)
        server.url                                  # "https://127.0.0.1:40123"
        server.https, server.http, server.native_tls, server.native         # ports on server.host
        server.users                                # name -> password
        server.certificates.authority.certificate   # what a client has to trust
        server.query("SELECT 1")                    # "1\\n": over HTTP as `admin`, to prepare a test

In a test, take the session fixture `clickhouse_server`.

Users: admin and sink (may do everything), reader (readonly=1: writing is code 164), remote (may come from
192.0.2.1 only: code 195). Databases: `orders` with the tables `events` (MergeTree) and `lines`, and
`empty`.

How this version differs from today's: a wrong password is 401 with code 193 (now 403 with 516), and there
is no X-ClickHouse-Exception-Code header. For today's SQL and answers see chdb_front.py; for real wires,
this.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

from tests.servers.certificates import Certificates, Leaf
from tests.servers.ports import ReservedPorts
from tests.servers.process import Process

START_S = 30.0
USERS = {"admin": "admin-secret", "sink": "sink-secret", "reader": "reader-secret", "remote": "remote-secret"}
TABLES = (
    "CREATE DATABASE orders",
    "CREATE DATABASE empty",
    "CREATE TABLE orders.events (day Date, id UInt64, body String) ENGINE = MergeTree(day, id, 8192)",
    "CREATE TABLE orders.lines (id UInt64, price Float64) ENGINE = Log",
)


def program() -> str | None:
    """Where clickhouse-server is; None if it is not installed."""
    return shutil.which("clickhouse-server") or shutil.which("clickhouse-server", path="/usr/sbin")


class ClickHouse:
    """Starts on entering the block, and takes `start_seconds`. See the module's docstring."""

    def __init__(
        self,
        certificates: Certificates | None = None,
        *,
        leaf: Leaf | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.users = dict(USERS)
        self.start_seconds = 0.0
        self._cleanup = contextlib.ExitStack()
        self._folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="clickhouse-")))
        self.certificates = certificates or Certificates(self._folder)
        self._leaf = leaf or self.certificates.good
        reserved = self._cleanup.enter_context(ReservedPorts(5, host))
        self.https, self.http, self.native_tls, self.native, self._replicas = reserved.numbers
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.https}"

    def __enter__(self) -> Self:
        began = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server and remove all that it wrote."""
        if self._process is not None:
            self._process.kill()
        self._cleanup.close()

    def query(self, sql: str, user: str = "admin") -> str:
        """Run one statement over plain HTTP; raise RuntimeError with the server's words if it fails."""
        login = base64.b64encode(f"{user}:{self.users[user]}".encode()).decode()
        connection = http.client.HTTPConnection(self.host, self.http, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", "/", sql.encode(), {"Authorization": f"Basic {login}"})
            response = connection.getresponse()
            text = response.read().decode()
        if response.status != 200:
            raise RuntimeError(f"{sql}: {response.status} {text}")
        return text

    def _start(self) -> None:
        server = program()
        assert server is not None, "clickhouse-server is not installed"
        for folder in ("data", "tmp", "formats", "files"):
            (self._folder / folder).mkdir()
        (self._folder / "config.xml").write_text(self._config())
        (self._folder / "users.xml").write_text(self._users())
        command = [server, f"--config-file={self._folder / 'config.xml'}"]
        self._process = Process(command, self._folder / "server.log")
        self._process.wait_until(self._answers, START_S)
        for statement in TABLES:
            self.query(statement)

    def _answers(self) -> bool:
        try:
            return self.query("SELECT 1") == "1\n"
        except OSError:
            return False

    def _config(self) -> str:
        folder, leaf = self._folder, self._leaf
        return f"""<yandex>
  <logger><level>information</level><console>1</console></logger>
  <listen_host>{self.host}</listen_host>
  <http_port>{self.http}</http_port>
  <https_port>{self.https}</https_port>
  <tcp_port>{self.native}</tcp_port>
  <tcp_port_secure>{self.native_tls}</tcp_port_secure>
  <interserver_http_port>{self._replicas}</interserver_http_port>
  <interserver_http_host>{self.host}</interserver_http_host>
  <display_name>clickhouse-test</display_name>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <format_schema_path>{folder}/formats/</format_schema_path>
  <user_files_path>{folder}/files/</user_files_path>
  <users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>UTC</timezone>
  <mark_cache_size>16777216</mark_cache_size>
  <keep_alive_timeout>3</keep_alive_timeout>
  <openSSL>
    <server>
      <certificateFile>{leaf.certificate}</certificateFile>
      <privateKeyFile>{leaf.key}</privateKeyFile>
      <verificationMode>none</verificationMode>
      <loadDefaultCAFile>false</loadDefaultCAFile>
    </server>
  </openSSL>
</yandex>
"""

    def _users(self) -> str:
        entries = "".join(
            f"<{name}><password>{escape(password)}</password>"
            f"<networks><ip>{'192.0.2.1' if name == 'remote' else '::/0'}</ip></networks>"
            f"<profile>{'readonly' if name == 'reader' else 'default'}</profile>"
            f"<quota>default</quota></{name}>"
            for name, password in self.users.items()
        )
        # The server's own queries run as a user of this name, which nobody may log in as.
        inner = f"<default><password_sha256_hex>{64 * '0'}</password_sha256_hex><networks/>"
        return (
            "<yandex><profiles><default/><readonly><readonly>1</readonly></readonly></profiles>"
            f"<users>{inner}<profile>default</profile><quota>default</quota></default>{entries}</users>"
            "<quotas><default/></quotas></yandex>"
        )
