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

PRAGMA user_version = 2;
