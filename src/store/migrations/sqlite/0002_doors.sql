-- What the further doors keep. Moments are milliseconds since the Unix epoch, UTC; documents are JSON.

PRAGMA user_version = 2;
