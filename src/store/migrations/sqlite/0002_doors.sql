-- What the further doors keep. Moments are milliseconds since the Unix epoch, UTC; documents are JSON.

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

PRAGMA user_version = 2;
