-- Buckets, objects, multipart uploads, and the files that hold the bytes of the embedded object store.

CREATE TABLE skep.r2_buckets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id text NOT NULL REFERENCES skep.accounts (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  location text NOT NULL,
  storage_class text NOT NULL,
  -- NULL: the platform's default.
  quota_bytes bigint CHECK (quota_bytes >= 0),
  UNIQUE (account_id, name)
);

-- What a bucket holds, in several rows, so that writes to one bucket do not wait for one another's commits. A bucket's use is their sum.
CREATE TABLE skep.r2_usage (
  bucket_id uuid NOT NULL REFERENCES skep.r2_buckets (id) ON DELETE CASCADE,
  shard smallint NOT NULL,
  objects bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  -- Parts of multipart uploads that are not completed.
  upload_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (bucket_id, shard)
);

-- Files by the SHA-256 of their content. `store` is the data directory that has them. Nothing refers to one with refs <= 0: it is swept.
CREATE TABLE skep.r2_blobs (
  store uuid NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  size_bytes bigint NOT NULL,
  refs bigint NOT NULL,
  PRIMARY KEY (store, hash)
);
CREATE INDEX r2_blobs_unused ON skep.r2_blobs (store, hash) WHERE refs <= 0;

CREATE TABLE skep.r2_objects (
  bucket_id uuid NOT NULL REFERENCES skep.r2_buckets (id),
  -- UTF-8. bytea and not text: any character may be in a key, U+0000 too, and the order is that of bytes.
  key bytea NOT NULL CHECK (octet_length(key) <= 1024),
  version text NOT NULL,
  size_bytes bigint NOT NULL,
  etag text NOT NULL,
  uploaded_at timestamptz(3) NOT NULL,
  storage_class text NOT NULL,
  checksums json NOT NULL,
  http_metadata json NOT NULL,
  custom_metadata json NOT NULL,
  store uuid NOT NULL,
  -- The content: these files one after the other.
  part_hashes bytea[] NOT NULL,
  part_sizes bigint[] NOT NULL,
  PRIMARY KEY (bucket_id, key)
);

CREATE TABLE skep.r2_uploads (
  id text PRIMARY KEY,
  bucket_id uuid NOT NULL REFERENCES skep.r2_buckets (id) ON DELETE CASCADE,
  key bytea NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'completed', 'aborted')),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  storage_class text NOT NULL,
  http_metadata json NOT NULL,
  custom_metadata json NOT NULL
);
CREATE INDEX r2_uploads_bucket ON skep.r2_uploads (bucket_id, key);
CREATE INDEX r2_uploads_age ON skep.r2_uploads (created_at);

CREATE TABLE skep.r2_parts (
  upload_id text NOT NULL REFERENCES skep.r2_uploads (id) ON DELETE CASCADE,
  number integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
  md5 bytea NOT NULL CHECK (octet_length(md5) = 16),
  size_bytes bigint NOT NULL,
  uploaded_at timestamptz(3) NOT NULL,
  store uuid NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (upload_id, number)
);
