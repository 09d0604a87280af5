-- Accounts, tokens, workers, their immutable versions and deployments, and the log of changes that nodes follow.

CREATE TABLE skep.platform (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- A known text sealed with the master key: a node with another key is told so at start, not at its first secret.
  master_key_check bytea NOT NULL
);

CREATE TABLE skep.accounts (
  id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),
  name text NOT NULL,
  subdomain text NOT NULL UNIQUE,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE skep.tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- NULL: the platform's administrator.
  account_id text REFERENCES skep.accounts (id) ON DELETE CASCADE,
  name text NOT NULL,
  -- SHA-256 of the token. Tokens are random, so a slow hash would add nothing.
  hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE skep.workers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id text NOT NULL REFERENCES skep.accounts (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  modified_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  workers_dev boolean NOT NULL DEFAULT false,
  previews_enabled boolean NOT NULL DEFAULT false,
  -- Opaque documents are json, not jsonb: kept byte by byte (order of keys, \u0000), never searched.
  settings json NOT NULL DEFAULT '{}',
  UNIQUE (account_id, name)
);

-- Bytes of modules, once per content. EXTERNAL: no compression, so that reading is copying.
CREATE TABLE skep.modules (
  hash bytea PRIMARY KEY,
  content bytea NOT NULL,
  CONSTRAINT hash_of_content CHECK (hash = sha256(content))
);
ALTER TABLE skep.modules ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE skep.versions (
  id uuid PRIMARY KEY,
  worker_id uuid NOT NULL REFERENCES skep.workers (id) ON DELETE CASCADE,
  number integer NOT NULL CHECK (number > 0),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  format text NOT NULL CHECK (format IN ('modules', 'service-worker')),
  main_module text NOT NULL,
  compatibility_date text NOT NULL,
  compatibility_flags json NOT NULL,
  limits json NOT NULL,
  annotations json NOT NULL,
  source text NOT NULL,
  startup_ms double precision NOT NULL,
  handlers json NOT NULL,
  kept json NOT NULL,
  etag text NOT NULL,
  UNIQUE (worker_id, number)
);

CREATE TABLE skep.version_modules (
  version_id uuid NOT NULL REFERENCES skep.versions (id) ON DELETE CASCADE,
  position integer NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  hash bytea NOT NULL REFERENCES skep.modules (hash),
  size_bytes integer NOT NULL,
  PRIMARY KEY (version_id, position),
  UNIQUE (version_id, name)
);
CREATE INDEX version_modules_hash ON skep.version_modules (hash);

CREATE TABLE skep.version_bindings (
  version_id uuid NOT NULL REFERENCES skep.versions (id) ON DELETE CASCADE,
  position integer NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  -- The binding without its secret.
  data json NOT NULL,
  -- secret_text only: its text, sealed (server/storage/envelope.ts).
  secret bytea,
  PRIMARY KEY (version_id, position),
  UNIQUE (version_id, name),
  CHECK ((type = 'secret_text') = (secret IS NOT NULL))
);

CREATE TABLE skep.deployments (
  id uuid PRIMARY KEY,
  worker_id uuid NOT NULL REFERENCES skep.workers (id) ON DELETE CASCADE,
  number integer NOT NULL CHECK (number > 0),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  source text NOT NULL,
  annotations json NOT NULL,
  UNIQUE (worker_id, number)
);

CREATE TABLE skep.deployment_versions (
  deployment_id uuid NOT NULL REFERENCES skep.deployments (id) ON DELETE CASCADE,
  position integer NOT NULL,
  version_id uuid NOT NULL REFERENCES skep.versions (id),
  percentage numeric(5, 2) NOT NULL CHECK (percentage >= 0 AND percentage <= 100),
  PRIMARY KEY (deployment_id, position),
  UNIQUE (deployment_id, version_id)
);
CREATE INDEX deployment_versions_version ON skep.deployment_versions (version_id);

-- What nodes follow. Rows are inserted under an advisory lock held to the end of the transaction, so a smaller seq is never
-- committed after a larger one: whoever has read up to N has missed nothing below N.
CREATE TABLE skep.changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id text NOT NULL,
  -- NULL: the account itself (its subdomain).
  worker_name text,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

-- Versions and deployments are records of what happened: they are made and deleted, never changed.
CREATE FUNCTION skep.refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'Rows of % are immutable', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER immutable BEFORE UPDATE ON skep.modules FOR EACH ROW EXECUTE FUNCTION skep.refuse_update();
CREATE TRIGGER immutable BEFORE UPDATE ON skep.versions FOR EACH ROW EXECUTE FUNCTION skep.refuse_update();
CREATE TRIGGER immutable BEFORE UPDATE ON skep.version_modules FOR EACH ROW EXECUTE FUNCTION skep.refuse_update();
CREATE TRIGGER immutable BEFORE UPDATE ON skep.version_bindings FOR EACH ROW EXECUTE FUNCTION skep.refuse_update();
CREATE TRIGGER immutable BEFORE UPDATE ON skep.deployments FOR EACH ROW EXECUTE FUNCTION skep.refuse_update();
CREATE TRIGGER immutable BEFORE UPDATE ON skep.deployment_versions FOR EACH ROW EXECUTE FUNCTION skep.refuse_update();
