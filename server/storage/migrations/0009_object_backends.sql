-- A bucket whose objects lie with somebody else's S3: where, and its sealed secret. NULL: the platform's store.
ALTER TABLE skep.r2_buckets ADD COLUMN backend json;
ALTER TABLE skep.r2_buckets ADD COLUMN backend_secret bytea;
