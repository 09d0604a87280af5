-- Keys with which S3 clients sign their requests. Each opens one bucket.

CREATE TABLE skep.r2_keys (
  id text PRIMARY KEY,
  bucket_id uuid NOT NULL REFERENCES skep.r2_buckets (id) ON DELETE CASCADE,
  name text NOT NULL,
  can_write boolean NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- Sealed and not hashed: a signature can only be checked with the secret itself.
  secret bytea NOT NULL
);
CREATE INDEX r2_keys_bucket ON skep.r2_keys (bucket_id);
