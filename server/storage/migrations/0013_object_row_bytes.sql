-- What rows take counts towards a bucket's quota: objects without a byte, each with 16 KiB of metadata, and uploads that are begun and given up, filled
-- the platform's database with nothing counted.

ALTER TABLE skep.r2_usage ADD COLUMN row_bytes bigint NOT NULL DEFAULT 0;
-- How many are open is asked for each new one; those that are over are kept for days.
CREATE INDEX r2_uploads_open ON skep.r2_uploads (bucket_id) WHERE state = 'open';

-- What the row of an object, or of an upload (no parts), takes with its place in the indexes, about.
CREATE FUNCTION skep.r2_row_bytes(p_key bytea, p_http json, p_custom json, p_parts integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT 256 + 2 * octet_length(p_key) + octet_length(p_http::text) + octet_length(p_custom::text) + 64 * p_parts
$$;

UPDATE skep.r2_usage u SET row_bytes = coalesce(
    (SELECT sum(skep.r2_row_bytes(o.key, o.http_metadata, o.custom_metadata, cardinality(o.part_hashes)))
     FROM skep.r2_objects o WHERE o.bucket_id = u.bucket_id), 0)
  + coalesce((SELECT sum(skep.r2_row_bytes(p.key, p.http_metadata, p.custom_metadata, 0)) FROM skep.r2_uploads p WHERE p.bucket_id = u.bucket_id), 0)
  + 256 * (SELECT count(*) FROM skep.r2_parts p JOIN skep.r2_uploads up ON up.id = p.upload_id WHERE up.bucket_id = u.bucket_id)
  WHERE u.shard = 0;

CREATE OR REPLACE FUNCTION skep.r2_check_quota(p_bucket uuid, p_size bigint, p_quota bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  lock_key CONSTANT bigint := hashtextextended('r2-quota/' || p_bucket::text, 0);
  used bigint;
BEGIN
  SELECT sum(bytes + upload_bytes + row_bytes) INTO used FROM skep.r2_usage WHERE bucket_id = p_bucket;
  IF p_size <= 1048576 AND used + 67108864 <= p_quota THEN
    PERFORM pg_advisory_xact_lock_shared(lock_key);
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(lock_key);
  SELECT sum(bytes + upload_bytes + row_bytes) INTO used FROM skep.r2_usage WHERE bucket_id = p_bucket;
  IF used > p_quota THEN RAISE EXCEPTION '%', used USING ERRCODE = 'SK001'; END IF;
END
$$;

CREATE OR REPLACE FUNCTION skep.r2_write_object(
  p_bucket uuid, p_key bytea, p_expected text, p_version text, p_size bigint, p_etag text, p_uploaded timestamptz, p_class text,
  p_checksums json, p_http json, p_custom json, p_store uuid, p_hashes bytea[], p_sizes bigint[], p_released bytea[],
  p_released_bytes bigint, p_shard integer, p_quota bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  previous skep.r2_objects;
  row_growth bigint;
  growth bigint;
BEGIN
  -- Two puts to one key follow one another, also when the key is new and has no row that could be locked.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_bucket::text || '/' || encode(p_key, 'hex'), 0));
  SELECT * INTO previous FROM skep.r2_objects WHERE bucket_id = p_bucket AND key = p_key FOR UPDATE;
  IF coalesce(previous.version, '') <> p_expected THEN RETURN 'changed'; END IF;
  -- In the order of the hashes, so that two writes which exchange contents cannot wait for one another.
  INSERT INTO skep.r2_blobs AS b (store, hash, size_bytes, refs)
    SELECT p_store, c.hash, max(c.size), sum(c.change) FROM (
      SELECT n.hash, n.size, 1 AS change FROM unnest(p_hashes, p_sizes) AS n (hash, size)
      UNION ALL
      SELECT o.hash, o.size, -1 FROM unnest(previous.part_hashes, previous.part_sizes) AS o (hash, size) WHERE previous.store = p_store
      UNION ALL
      SELECT r.hash, 0, -1 FROM unnest(p_released) AS r (hash)
    ) c GROUP BY c.hash ORDER BY c.hash
    ON CONFLICT (store, hash) DO UPDATE SET refs = b.refs + EXCLUDED.refs;
  INSERT INTO skep.r2_objects (bucket_id, key, version, size_bytes, etag, uploaded_at, storage_class, checksums, http_metadata,
      custom_metadata, store, part_hashes, part_sizes)
    VALUES (p_bucket, p_key, p_version, p_size, p_etag, p_uploaded, p_class, p_checksums, p_http, p_custom, p_store, p_hashes, p_sizes)
    ON CONFLICT (bucket_id, key) DO UPDATE SET version = EXCLUDED.version, size_bytes = EXCLUDED.size_bytes, etag = EXCLUDED.etag,
      uploaded_at = EXCLUDED.uploaded_at, storage_class = EXCLUDED.storage_class, checksums = EXCLUDED.checksums,
      http_metadata = EXCLUDED.http_metadata, custom_metadata = EXCLUDED.custom_metadata, store = EXCLUDED.store,
      part_hashes = EXCLUDED.part_hashes, part_sizes = EXCLUDED.part_sizes;
  row_growth := skep.r2_row_bytes(p_key, p_http, p_custom, cardinality(p_hashes)) - CASE WHEN previous.version IS NULL THEN 0
    ELSE skep.r2_row_bytes(previous.key, previous.http_metadata, previous.custom_metadata, cardinality(previous.part_hashes)) END;
  -- The last thing that is locked: whoever else writes to this shard waits from here to the commit.
  UPDATE skep.r2_usage SET objects = objects + CASE WHEN previous.version IS NULL THEN 1 ELSE 0 END,
      bytes = bytes + p_size - coalesce(previous.size_bytes, 0), upload_bytes = upload_bytes - p_released_bytes,
      row_bytes = row_bytes + row_growth
    WHERE bucket_id = p_bucket AND shard = p_shard;
  growth := p_size - coalesce(previous.size_bytes, 0) - p_released_bytes + row_growth;
  IF p_quota IS NOT NULL AND growth > 0 THEN PERFORM skep.r2_check_quota(p_bucket, p_size, p_quota); END IF;
  RETURN 'written';
END
$$;
