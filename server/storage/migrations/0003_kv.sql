-- KV namespaces and their entries.

CREATE TABLE skep.kv_namespaces (
  -- What entries are kept under: short, and never used again.
  number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE CHECK (id ~ '^[0-9a-f]{32}$'),
  account_id text NOT NULL REFERENCES skep.accounts (id) ON DELETE CASCADE,
  title text COLLATE "C" NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- Set: it is deleted for everybody, and its entries are being removed piece by piece.
  deleted_at timestamptz(3)
);
CREATE UNIQUE INDEX kv_namespaces_title ON skep.kv_namespaces (account_id, title) WHERE deleted_at IS NULL;

-- Values beyond 64 KiB, in pieces, so that neither side ever holds one whole. One that no entry points to (not yet, or no
-- longer) is kept for a while, for those who are writing or reading it, and then swept.
CREATE TABLE skep.kv_large_values (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  unlinked_since timestamptz DEFAULT clock_timestamp()
);
CREATE INDEX kv_large_values_unlinked ON skep.kv_large_values (unlinked_since) WHERE unlinked_since IS NOT NULL;

CREATE TABLE skep.kv_pieces (
  value_id bigint NOT NULL REFERENCES skep.kv_large_values (id) ON DELETE CASCADE,
  position integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (value_id, position)
);
-- No compression, so that reading is copying.
ALTER TABLE skep.kv_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Keys are bytes: their order is that of KV, whatever the database's locale, and any character may be in one.
-- No foreign key to the namespace: checking it would cost each write, and entries of a deleted one are swept.
CREATE TABLE skep.kv_entries (
  namespace integer NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  -- JSON as it was given.
  metadata bytea,
  -- Seconds since 1970.
  expires_at bigint,
  large_value_id bigint,
  size integer NOT NULL,
  PRIMARY KEY (namespace, key)
-- Room on each page for the next version of a row: a value that is replaced then leaves the index alone.
) WITH (fillfactor = 85);
ALTER TABLE skep.kv_entries ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX kv_entries_expiry ON skep.kv_entries (expires_at) WHERE expires_at IS NOT NULL;

CREATE FUNCTION skep.kv_unlink_large_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE skep.kv_large_values SET unlinked_since = clock_timestamp() WHERE id = OLD.large_value_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER unlink_replaced AFTER UPDATE ON skep.kv_entries FOR EACH ROW
  WHEN (OLD.large_value_id IS DISTINCT FROM NEW.large_value_id AND OLD.large_value_id IS NOT NULL)
  EXECUTE FUNCTION skep.kv_unlink_large_value();
CREATE TRIGGER unlink_deleted AFTER DELETE ON skep.kv_entries FOR EACH ROW
  WHEN (OLD.large_value_id IS NOT NULL)
  EXECUTE FUNCTION skep.kv_unlink_large_value();
