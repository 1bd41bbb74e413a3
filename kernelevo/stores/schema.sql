-- The record of one run. Rows are only ever added; the triggers refuse anything else, whoever asks.
-- Texts and verdicts are in `blob`, compressed, under the SHA-256 of their content, so that the same text is kept once.
CREATE TABLE run (
  id TEXT PRIMARY KEY,
  record TEXT NOT NULL,
  one INTEGER NOT NULL DEFAULT 1 UNIQUE CHECK (one = 1)
) STRICT;
CREATE TABLE blob (hash TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE candidate (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL REFERENCES blob (hash),
  defines TEXT NOT NULL,
  proposer TEXT NOT NULL,
  parent TEXT,
  moves TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE verdict (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  candidate TEXT NOT NULL REFERENCES candidate (id),
  status TEXT NOT NULL,
  score REAL,
  unit TEXT,
  device TEXT NOT NULL,
  how TEXT CHECK (how IN ('measured', 'modelled')),
  detail TEXT NOT NULL REFERENCES blob (hash),
  at TEXT NOT NULL,
  CHECK ((status = 'passed') = (score IS NOT NULL))
) STRICT;
CREATE TABLE note (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TRIGGER run_no_update BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER run_no_delete BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER blob_no_update BEFORE UPDATE ON blob BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER blob_no_delete BEFORE DELETE ON blob BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER candidate_no_update BEFORE UPDATE ON candidate BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER candidate_no_delete BEFORE DELETE ON candidate BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER verdict_no_update BEFORE UPDATE ON verdict BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER verdict_no_delete BEFORE DELETE ON verdict BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER note_no_update BEFORE UPDATE ON note BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
CREATE TRIGGER note_no_delete BEFORE DELETE ON note BEGIN SELECT RAISE(ABORT, 'the store only appends'); END;
