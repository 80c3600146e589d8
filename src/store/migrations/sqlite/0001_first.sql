-- The first schema. Moments are milliseconds since the Unix epoch, UTC; documents are JSON.

-- Who we are: a file of another program is refused by it.
PRAGMA application_id = 1147756908;

CREATE TABLE calls (
    id          TEXT    NOT NULL PRIMARY KEY,   -- 32 lower-case hex digits, sorted by time
    tenant      TEXT    NOT NULL,
    accepted_at INTEGER NOT NULL,
    agent       TEXT,                           -- extension, where there is an agent
    status      TEXT    NOT NULL,               -- the word that integrators know
    sequence    INTEGER NOT NULL,               -- of the last ledger entry: never goes back
    over        INTEGER NOT NULL CHECK (over IN (0, 1)),
    verdict     TEXT,                           -- set once the call is over; then it never changes
    request     TEXT    NOT NULL,               -- written once
    journal     TEXT    NOT NULL,
    CHECK ((over = 1) = (verdict IS NOT NULL))
) STRICT;
CREATE INDEX calls_alive ON calls (accepted_at, id) WHERE over = 0;
CREATE INDEX calls_by_time ON calls (accepted_at, id);
CREATE INDEX calls_by_tenant ON calls (tenant, accepted_at, id);
CREATE INDEX calls_by_agent ON calls (tenant, agent, accepted_at);

CREATE TABLE ledger (
    call     TEXT    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    commands TEXT    NOT NULL,
    PRIMARY KEY (call, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,     -- the order in which rows were owed
    id           TEXT    NOT NULL UNIQUE,               -- webhook-id
    call         TEXT    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    tenant       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    endpoint     TEXT    NOT NULL,                      -- scheme://host:port of the url
    url          TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL DEFAULT 0             -- claimed until then
) STRICT;
CREATE INDEX outbox_owed ON outbox (endpoint, due_at, number) WHERE state = 'pending';
CREATE INDEX outbox_owed_by_call ON outbox (call, endpoint, number) WHERE state = 'pending';
CREATE INDEX outbox_by_call ON outbox (call);
CREATE INDEX outbox_by_age ON outbox (state, created_at);

CREATE TABLE attempts (
    callback TEXT    NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,                          -- 1, 2, 3 … of the callback
    at       INTEGER NOT NULL,
    took     INTEGER NOT NULL,                          -- milliseconds
    status   INTEGER,                                   -- of HTTP, where there was an answer
    note     TEXT    NOT NULL,
    PRIMARY KEY (callback, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    document   TEXT    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    tenant TEXT    NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_tenant ON audit (tenant, at);

-- Written to by each ping, so that a full or read-only disk shows.
CREATE TABLE pulse (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
