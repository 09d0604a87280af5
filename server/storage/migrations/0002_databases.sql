-- Databases that Skep makes for workers. The databases themselves lie on the server that SKEP_WORKER_DATABASE_URL names, or on this one.

CREATE TABLE skep.databases (
  id uuid PRIMARY KEY,
  account_id text NOT NULL REFERENCES skep.accounts (id),
  name text COLLATE "C" NOT NULL,
  -- Name of the database and of its role. Random: catalogs that other tenants can read tell nothing by it.
  internal_name text NOT NULL UNIQUE,
  -- The role's password, sealed (server/storage/envelope.ts).
  password bytea NOT NULL,
  -- creating: not there yet, or its creator died. deleting: of no use to anybody any longer.
  state text NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (account_id, name)
);
