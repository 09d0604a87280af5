-- Which pages of other origins browsers may let at a bucket, by presigned URLs. NULL: none.

ALTER TABLE skep.r2_buckets ADD COLUMN cors json;
