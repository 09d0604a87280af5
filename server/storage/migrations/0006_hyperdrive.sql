-- Databases of the users' own that workers reach through Hyperdrive.

CREATE TABLE skep.hyperdrive_configs (
  id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
  account_id text NOT NULL REFERENCES skep.accounts (id),
  name text COLLATE "C" NOT NULL,
  -- Where the database is and how it is spoken to, without the password.
  origin json NOT NULL,
  -- Sealed (server/storage/envelope.ts).
  password bytea NOT NULL,
  caching json NOT NULL,
  connection_limit integer NOT NULL CHECK (connection_limit > 0),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  modified_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (account_id, name)
);
