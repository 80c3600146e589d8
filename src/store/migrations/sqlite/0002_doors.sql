-- What the further doors keep. Moments are milliseconds since the Unix epoch, UTC; documents are JSON.

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

PRAGMA user_version = 2;
