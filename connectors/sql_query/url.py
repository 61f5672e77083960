"""The URL of a database: which server it names, and which driver the server needs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from connectors.sql_query.url_options import Kind, understood

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import Dialect


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of server. ``driver``: its name in SQLAlchemy; ``module`` and ``extra``: the package of the driver."""

    kind: Kind
    title: str
    driver: str
    module: str
    extra: str = ""


POSTGRES = Product("postgresql", "PostgreSQL", "postgresql+psycopg", "psycopg", "postgres")
# Apart from MySQL only for the messages: both speak one protocol and have one driver.
MARIADB = Product("mysql", "MariaDB", "mysql+pymysql", "pymysql", "mysql")
MYSQL = Product("mysql", "MySQL", "mysql+pymysql", "pymysql", "mysql")
SQLITE = Product("sqlite", "SQLite", "sqlite+pysqlite", "sqlite3")
SQL_SERVER = Product("mssql", "SQL Server", "mssql+pymssql", "pymssql", "mssql")

PRODUCTS: Mapping[str, Product] = {
    "postgresql": POSTGRES,
    "postgres": POSTGRES,
    "mariadb": MARIADB,
    "mysql": MYSQL,
    "sqlite": SQLITE,
    "mssql": SQL_SERVER,
    "sqlserver": SQL_SERVER,
}

_EXAMPLES = "postgresql://user@host/database, mariadb://…, mysql://…, sqlite:///file.db or mssql://…"
_SEVERAL_HOSTS = re.compile(r"(?P<user>(?:[^/?]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<rest>(?:[/?].*)?)", re.DOTALL)
_SCHEME = re.compile(r"(?P<name>[A-Za-z]\w*)(?:\+(?P<driver>\w+))?://")


class Database:
    """A database's URL, which shows itself without its password."""

    def __init__(self, url: URL, product: Product) -> None:
        self.url = url
        self.product = product

    def __str__(self) -> str:
        shown = {name: "***" if "password" in name else value for name, value in self.url.query.items()}
        return self.url.set(query=shown).render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"Database({self})"

    @property
    def place(self) -> str:
        """The name of the database in messages: ``PostgreSQL at db.example.com``, ``SQLite rent.db``."""
        url = self.url
        if self.product is SQLITE:
            return f"SQLite {Path(url.database or '').name}"
        port = f":{url.port}" if url.port else ""
        host = url.host or url.query.get("host") or url.query.get("unix_socket") or "this machine"
        return f"{self.product.title} at {host}{port}"

    def dialect(self) -> Dialect:
        """Return SQLAlchemy's description of the server and of its driver."""
        kind: Any = self.url.get_dialect()
        found: Dialect = kind(dbapi=kind.import_dbapi())
        return found

    def with_password(self, password: str | None) -> URL:
        """Return the URL to connect with; ``password`` replaces the password of the URL."""
        return self.url if password is None else self.url.set(password=password)


def _database(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Database):
        return value
    # What Java programs write is the same address with a word before it.
    value = value.removeprefix("jdbc:") if isinstance(value, str) else value
    found = _SCHEME.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"this is not the URL of a database; write {_EXAMPLES}")
    product = PRODUCTS.get(found["name"].lower())
    if product is None:
        raise ValueError(f"{found['name']!r} is no database that syncd reads; write {_EXAMPLES}")
    # Another driver would bring other types, and the text of the values would differ.
    if found["driver"] and f"{product.driver.partition('+')[0]}+{found['driver']}" != product.driver:
        raise ValueError(f"syncd reads {product.title} by {product.module} only: leave out +{found['driver']}")
    if find_spec(product.module) is None:
        raise ValueError(f"{product.title} needs its driver: pip install 'syncd[{product.extra}]'")
    return Database(_url(value[found.end() :], product, info), product)


def _url(rest: str, product: Product, info: ValidationInfo) -> URL:
    from sqlalchemy.engine import make_url

    remedy = "put the password into the option password, which may hold any character"
    several = _SEVERAL_HOSTS.fullmatch(rest) if product is POSTGRES else None
    try:
        url = make_url(f"{product.driver}://{several['user'] + several['rest'] if several else rest}")
    except Exception:  # noqa: BLE001  (a wrong port is a ValueError, the rest SQLAlchemy's own; both may show secrets)
        raise ValueError(f"this is no URL; {remedy}, and write {_EXAMPLES}") from None
    options = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    options = understood(product.kind, product.title, {**options, **(_hosts(several["hosts"]) if several else {})})
    # In the query, the URL would show the password.
    url = url.set(username=options.pop("user", url.username), password=options.pop("password", url.password))
    url = url.set(database=options.pop("dbname", url.database))
    if product is SQLITE:
        return _beside_its_file(url.set(query={}), info)
    # A host that begins with a slash is the folder, or the file, of a socket on this machine.
    if (socket := unquote(url.host or "")).startswith("/"):
        url, options = url._replace(host=None), {("host" if product is POSTGRES else "unix_socket"): socket, **options}
    url = url.set(query=options)
    # An unescaped @, / or # of a password ends it too early, and its rest would be shown as the host or the database.
    if any(mark in (url.host or "") + (url.username or "") for mark in "@/#? ") or "@" in (url.database or ""):
        raise ValueError(f"this URL can be read in two ways; {remedy}")
    if not url.database and "service" not in options:
        raise ValueError("the URL names no database: add /DATABASE to its end")
    return url


def _hosts(text: str) -> dict[str, str]:
    """Return libpq's options for ``one:5432,two``."""
    found = [re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", each) for each in text.split(",")]
    if not all(found):
        raise ValueError("the hosts of this URL cannot be read: write postgresql://user@one:5432,two:5432/database")
    pairs = [(each[1].strip("[]"), each[2] or "") for each in found if each]
    ports = {"port": ",".join(port for _, port in pairs)} if any(port for _, port in pairs) else {}
    return {"host": ",".join(unquote(host) for host, _ in pairs), **ports}


def _beside_its_file(url: URL, info: ValidationInfo) -> URL:
    if not url.database or url.database == ":memory:":
        raise ValueError("an SQLite database is a file: write sqlite:///file.db, or sqlite:////absolute/path.db")
    folder = (info.context or {}).get("folder")
    # Path.expanduser raises for an unknown ~user; here it is then a file that does not exist, which is an error too.
    path = Path(os.path.expanduser(url.database))  # noqa: PTH111
    return url.set(database=str(Path(folder) / path if folder else path))


DatabaseUrl = Annotated[Database, BeforeValidator(_database), WithJsonSchema({"type": "string"})]
"""An option: a SQLAlchemy URL of one of the :data:`PRODUCTS`, whose driver is installed."""
