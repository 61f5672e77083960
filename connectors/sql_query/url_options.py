"""The options behind the ``?`` of a database's URL: those of other drivers are understood if their meaning is clear."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import unquote

from syncd.source import nearest

Kind = Literal["postgresql", "mysql", "sqlite", "mssql"]

TLS_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
"""From no encryption to a server whose certificate and name are verified."""

_MODE_WORDS = {
    **dict.fromkeys(("disable", "disabled", "false", "0", "no", "off", "none"), "disable"),
    **dict.fromkeys(("prefer", "preferred", "allow", "request"), "prefer"),
    **dict.fromkeys(("require", "required", "true", "1", "yes", "on", "trust", "noverify"), "require"),
    "verifyca": "verify-ca",
    **dict.fromkeys(("verifyfull", "verifyidentity", "strict"), "verify-full"),
}

_POSTGRES = """
host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding options
application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
tcp_user_timeout gssencmode sslmode sslnegotiation sslcompression sslcert sslkey sslpassword sslcertmode sslrootcert
sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version krbsrvname gsslib gssdelegation
service target_session_attrs load_balance_hosts
"""
"""The options of libpq (PostgreSQL 18, section 32.1.2)."""

_MYSQL = ["user", "password", "sslmode", "ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "unix_socket",
          "bind_address"]  # fmt: skip
_MSSQL = ["user", "password", "charset", "tds_version", "encryption", "read_only"]
_KNOWN: Mapping[Kind, list[str]] = {"postgresql": _POSTGRES.split(), "mysql": _MYSQL, "mssql": _MSSQL, "sqlite": []}

_TLS = ("ssl", "usessl", "sslmode", "requiressl", "tls")
_SAME_NAME = {
    "mysql": {
        **dict.fromkeys(_TLS, "sslmode"),
        **dict.fromkeys(("sslca", "serversslcert", "sslrootcert", "cafile"), "ssl_ca"),
        **dict.fromkeys(("sslcert", "sslclientcert"), "ssl_cert"),
        **dict.fromkeys(("sslkey", "sslclientkey"), "ssl_key"),
        "sslkeypassword": "ssl_key_password",
        **dict.fromkeys(("unixsocket", "socket", "localsocket"), "unix_socket"),
        "bindaddress": "bind_address",
    },
    "postgresql": {
        **dict.fromkeys(_TLS, "sslmode"),
        "targetservertype": "target_session_attrs",
        "currentschema": "schema",
    },
    "mssql": {"encrypt": "encryption", "tdsversion": "tds_version", "applicationintent": "read_only"},
    "sqlite": {},
}
"""Other names of options, without ``-`` and ``_`` and in lower case."""

_NEEDLESS = {
    "mysql": "useunicode characterencoding charset collation connectioncollation charactersetresults servertimezone "
    "connectiontimezone forceconnectiontimezonetosession autoreconnect allowpublickeyretrieval zerodatetimebehavior "
    "uselegacydatetimecode usejdbccomplianttimezoneshift rewritebatchedstatements cacheprepstmts prepstmtcachesize "
    "prepstmtcachesqllimit useserverprepstmts useserverprepstmts tinyint1isbit yearisdatetype usecursorfetch "
    "defaultfetchsize connecttimeout sockettimeout readtimeout writetimeout maxreconnects failoverreadonly "
    "allowmultiqueries nulldatabasemeanscurrent useaffectedrows sessionvariables useinformationschema autocommit "
    "localinfile usemysqlmetadata driver parsetime loc timeout allownativepasswords interpolateparams multistatements",
    "postgresql": "applicationname logintimeout sockettimeout connecttimeout preparethreshold stringtype tcpkeepalive "
    "rewritebatchedinserts useunicode characterencoding charset defaultrowfetchsize binarytransfer readonly "
    "autosave pgbouncer connectionlimit pooltimeout statementcachesize preparedstatementcachequeries driver",
    "mssql": "driver trustservercertificate multisubnetfailover app applicationname connectiontimeout connecttimeout "
    "logintimeout timeout autocommit multipleactiveresultsets marsconnection packetsize persistsecurityinfo "
    "hostnameincertificate sendstringparametersasunicode encoding odbcautotranslate longasmax",
    "sqlite": "mode cache uri timeout immutable checksamethread isolationlevel nolock vfs detecttypes cachedstatements",
}
"""Options that change nothing: syncd sets them itself, or they are for programs that write."""


def understood(kind: Kind, title: str, query: Mapping[str, str]) -> dict[str, str]:
    """Return the options in the names of syncd's driver; those of no meaning here are left out.

    Raises:
        ValueError: an option is unknown, or its value.

    """
    found: dict[str, str] = {}
    for written, value in query.items():
        plain = re.sub(r"[-_ ]", "", written).lower()
        name = _SAME_NAME[kind].get(plain, written)
        special = _SPECIAL.get((kind, plain)) or _SPECIAL.get((kind, name))
        if special is not None:
            found |= special(written, value)
        elif name in _KNOWN[kind]:
            found[name] = value
        elif plain not in _NEEDLESS[kind].split():
            known = [*_KNOWN[kind], *_SAME_NAME[kind]]
            raise ValueError(
                f"the URL of {title} has no option {written}{nearest(written, known)}: mend its name, or leave it out"
            )
    return found


def _tls_mode(written: str, value: str) -> dict[str, str]:
    mode = _MODE_WORDS.get(re.sub(r"[-_ ]", "", value).lower())
    if mode is None:
        raise ValueError(f"{written}={value} in the URL: write sslmode={', '.join(TLS_MODES[:-1])} or {TLS_MODES[-1]}")
    return {"sslmode": mode}


def _flag(mode: str, other: str | None = None) -> Callable[[str, str], dict[str, str]]:
    def read(written: str, value: str) -> dict[str, str]:
        is_on = _tls_mode(written, value)["sslmode"] != "disable"
        chosen = mode if is_on else other
        return {"sslmode": chosen} if chosen else {}

    return read


def _libpq_mode(written: str, value: str) -> dict[str, str]:
    return {"sslmode": "allow"} if value == "allow" else _tls_mode(written, value)


def _schema(_written: str, value: str) -> dict[str, str]:
    return {"options": f"-csearch_path={unquote(value)}"}


def _session(_written: str, value: str) -> dict[str, str]:
    words = {"secondary": "standby", "prefersecondary": "prefer-standby", "master": "primary", "slave": "standby"}
    return {"target_session_attrs": words.get(value.lower(), value)}


def _encryption(written: str, value: str) -> dict[str, str]:
    mode = _tls_mode(written, {"mandatory": "true", "optional": "prefer"}.get(value.lower(), value))["sslmode"]
    return {"encryption": {"disable": "off", "prefer": "request"}.get(mode, "require")}


def _read_only(_written: str, value: str) -> dict[str, str]:
    return {"read_only": "true"} if value.lower() in {"readonly", "true", "1"} else {}


def _windows_login(written: str, value: str) -> dict[str, str]:
    if value.lower() in {"no", "false", "0"}:
        return {}
    raise ValueError(f"{written} asks for a login of Windows, which syncd has not: name a user of SQL Server")


_SPECIAL: Mapping[tuple[Kind, str], Callable[[str, str], dict[str, str]]] = {
    ("postgresql", "sslmode"): _libpq_mode,
    ("postgresql", "schema"): _schema,
    ("postgresql", "searchpath"): _schema,
    ("postgresql", "target_session_attrs"): _session,
    ("mysql", "sslmode"): _tls_mode,
    ("mysql", "ssldisabled"): _flag("disable", "require"),
    ("mysql", "sslverifyidentity"): _flag("verify-full"),
    ("mysql", "sslcheckhostname"): _flag("verify-full", "verify-ca"),
    ("mysql", "sslverifycert"): _flag("verify-ca"),
    ("mysql", "verifyservercertificate"): _flag("verify-ca", "require"),
    ("mysql", "trustservercertificate"): _flag("require"),
    ("mssql", "encryption"): _encryption,
    ("mssql", "read_only"): _read_only,
    ("mssql", "trustedconnection"): _windows_login,
    ("mssql", "integratedsecurity"): _windows_login,
}
