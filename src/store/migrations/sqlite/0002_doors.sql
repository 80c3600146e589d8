-- What the further doors keep. Moments are milliseconds since the Unix epoch, UTC; documents are JSON.

-- What programs hear of calls. Numbers are given in the order of the commits, and never again.
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE,             -- evt_<call>_<sequence>
    call   TEXT    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    tenant TEXT    NOT NULL,
    agent  TEXT,                                -- extension, where there is an agent
    kind   TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL
) STRICT;
CREATE INDEX events_by_call ON events (call);
CREATE INDEX events_by_tenant ON events (tenant, number);
CREATE INDEX events_by_agent ON events (tenant, agent, number);
-- What limits count for a whole day.
ALTER TABLE calls ADD COLUMN abroad INTEGER NOT NULL DEFAULT 0 CHECK (abroad IN (0, 1));
CREATE INDEX calls_abroad ON calls (accepted_at, id) WHERE abroad = 1;

-- Idempotency keys, and the calls that they stand for; forgotten after a day.
CREATE TABLE marks (
    tenant      TEXT    NOT NULL,
    credential  TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,               -- of what was asked for under it
    call        TEXT    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant, credential, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_age ON marks (at);
CREATE INDEX marks_by_call ON marks (call);

-- The outbox: a row may belong to no call (a test), and a row that was settled may be owed anew.
-- SQLite cannot change a column, so both tables are built again.
ALTER TABLE outbox RENAME TO outbox_1;
ALTER TABLE attempts RENAME TO attempts_1;
DROP INDEX outbox_owed;
DROP INDEX outbox_owed_by_call;
DROP INDEX outbox_by_call;
DROP INDEX outbox_by_age;

CREATE TABLE outbox (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,     -- the order in which rows were owed
    id           TEXT    NOT NULL UNIQUE,               -- webhook-id
    call         TEXT    REFERENCES calls (id) ON DELETE CASCADE,
    tenant       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    endpoint     TEXT    NOT NULL,                      -- scheme://host:port of the url
    url          TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    tried_before INTEGER NOT NULL DEFAULT 0,            -- of these, before it was owed anew
    owed_since   INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL DEFAULT 0             -- claimed until then
) STRICT;
INSERT INTO outbox (number, id, call, tenant, kind, endpoint, url, content_type, body, created_at, state, attempts,
                    owed_since, due_at, lease_until)
SELECT number, id, call, tenant, kind, endpoint, url, content_type, body, created_at, state, attempts,
       created_at, due_at, lease_until FROM outbox_1;

CREATE TABLE attempts (
    callback TEXT    NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,                          -- 1, 2, 3 … of the callback
    at       INTEGER NOT NULL,
    took     INTEGER NOT NULL,                          -- milliseconds
    status   INTEGER,                                   -- of HTTP, where there was an answer
    note     TEXT    NOT NULL,
    PRIMARY KEY (callback, number)
) STRICT, WITHOUT ROWID;
INSERT INTO attempts SELECT * FROM attempts_1;

DROP TABLE attempts_1;
DROP TABLE outbox_1;
CREATE INDEX outbox_owed ON outbox (endpoint, due_at, number) WHERE state = 'pending';
CREATE INDEX outbox_owed_by_call ON outbox (call, endpoint, number) WHERE state = 'pending';
CREATE INDEX outbox_by_call ON outbox (call, number);
CREATE INDEX outbox_by_age ON outbox (state, owed_since);
CREATE INDEX outbox_by_tenant ON outbox (tenant, number);
CREATE INDEX outbox_by_state ON outbox (tenant, state, number);
-- Agents who have signed in. Tokens are known by their hashes alone (sha256: and 64 hex digits).
CREATE TABLE sessions (
    strict    TEXT    NOT NULL PRIMARY KEY,     -- of the console and the API
    dial      TEXT    NOT NULL UNIQUE,          -- of clicks alone
    tenant    TEXT    NOT NULL,
    agent     TEXT    NOT NULL,                 -- extension
    mark      TEXT    NOT NULL,                 -- of the password that opened it
    opened_at INTEGER NOT NULL,
    seen_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Lists of calls: what they may be filtered by.
ALTER TABLE calls ADD COLUMN end_reason TEXT;                -- set once there is a verdict
UPDATE calls SET end_reason = json_extract(verdict, '$.reason');
ALTER TABLE calls ADD COLUMN phone TEXT GENERATED ALWAYS AS
    (coalesce(json_extract(request, '$.a.party.extension'), json_extract(request, '$.a.party.outside'))) VIRTUAL;
ALTER TABLE calls ADD COLUMN target TEXT GENERATED ALWAYS AS
    (coalesce(json_extract(request, '$.b.party.extension'), json_extract(request, '$.b.party.outside'))) VIRTUAL;
DROP INDEX calls_by_agent;
CREATE INDEX calls_by_agent ON calls (tenant, agent, accepted_at, id);
CREATE INDEX calls_by_status ON calls (tenant, status, accepted_at, id);
CREATE INDEX calls_by_end_reason ON calls (tenant, end_reason, accepted_at, id);
CREATE INDEX calls_by_phone ON calls (tenant, phone, accepted_at, id);
CREATE INDEX calls_by_target ON calls (tenant, target, accepted_at, id);

PRAGMA user_version = 2;
