"""PostgreSQL for tests: the server of the run, servers of a test's own to break, and a database for each test."""

import contextlib
import itertools
import os
import shlex
import subprocess
import urllib.parse

import psycopg
from psycopg import sql

_COUNTER = itertools.count(1)
# Database roles as an operator makes them before `webhook-gateway migrate` gives them their rights. Roles belong to a server, not
# to a database: all tests share them.
INGEST_ROLE, WORKER_ROLE = "gateway_ingest", "gateway_worker"
PASSWORD = "a password of the tests"


class Database:
    """One database of a server. `url` is its owner's; `as_role` another role's."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.url = server.url_of(name)

    def as_role(self, role):
        parts = urllib.parse.urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{role}:{urllib.parse.quote(PASSWORD)}@{host}").geturl()

    def query(self, text, *parameters, role=None):
        """The rows, as dictionaries; [] of a statement that has none. A connection of its own each time: the server may be restarted in
        between."""
        with psycopg.connect(self.as_role(role) if role else self.url, autocommit=True, connect_timeout=10,
                             row_factory=psycopg.rows.dict_row) as connection:
            done = connection.execute(text, parameters or None)
            return done.fetchall() if done.description else []

    def value(self, text, *parameters, role=None):
        """The first column of the first row."""
        rows = self.query(text, *parameters, role=role)
        return next(iter(rows[0].values())) if rows else None

    def drop(self):
        self.server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))


class Server:
    """A running server, reached as its superuser."""

    def __init__(self, url):
        self.url = url

    @classmethod
    def of_environment(cls):
        return cls(os.environ["TP_TEST_DATABASE_URL"])

    def url_of(self, database):
        return urllib.parse.urlsplit(self.url)._replace(path=f"/{database}").geturl()

    def execute(self, statement):
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def make_roles(self):
        for role in (INGEST_ROLE, WORKER_ROLE):
            with contextlib.suppress(psycopg.errors.DuplicateObject):
                self.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            self.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))

    def create(self, template=None):
        """A database of its own: an empty one, or a copy of `template`, to which nobody may be connected."""
        name = f"test_{os.getpid()}_{next(_COUNTER)}"
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template.name if template else "template0")))
        return Database(self, name)


class OwnServer(Server):
    """A server of the caller's own, which may be broken. Use it in a `with`."""

    def __init__(self, directory, args=""):
        self.environment = os.environ | {"TP_POSTGRES_DIR": str(directory), "TP_POSTGRES_ARGS": args}

    def word(self, word):
        """Runs tools/postgres, as in word("kill")."""
        done = subprocess.run([os.environ["TP_POSTGRES"], word], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, f"postgres {word}: {done.stderr}"
        return done.stdout

    def restart_hard(self):
        """As when the machine loses power and comes back."""
        self.word("kill")
        self.word("start")

    def __enter__(self):
        self.word("down")
        self.word("up")
        env = dict(shlex.split(line)[1].split("=", 1) for line in self.word("env").splitlines())
        super().__init__(env["TP_TEST_DATABASE_URL"])
        return self

    def __exit__(self, *_):
        self.word("down")
