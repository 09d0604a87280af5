-- What the entries of each namespace take, kept up to date by each write. Rows are only added, so that writes wait for nobody; the sweeper adds them
-- up. A namespace's use is the sum of its rows.

CREATE TABLE skep.kv_usage (
  namespace integer NOT NULL,
  entries bigint NOT NULL,
  bytes bigint NOT NULL
);
CREATE INDEX kv_usage_namespace ON skep.kv_usage (namespace);

-- An entry without anything in it takes a row and its place in the index.
CREATE FUNCTION skep.kv_cost(p_key bytea, p_metadata bytea, p_size integer) RETURNS bigint LANGUAGE sql IMMUTABLE
  RETURN 64 + octet_length(p_key) + coalesce(octet_length(p_metadata), 0) + p_size;

-- For each statement, not for each row: many entries are written by one.
CREATE FUNCTION skep.kv_count_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO skep.kv_usage SELECT namespace, count(*), sum(skep.kv_cost(key, metadata, size)) FROM added GROUP BY namespace;
  RETURN NULL;
END
$$;
CREATE FUNCTION skep.kv_count_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO skep.kv_usage SELECT namespace, -count(*), -sum(skep.kv_cost(key, metadata, size)) FROM removed GROUP BY namespace;
  RETURN NULL;
END
$$;
CREATE FUNCTION skep.kv_count_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO skep.kv_usage SELECT namespace, 0, sum(cost) FROM (
    SELECT namespace, skep.kv_cost(key, metadata, size) AS cost FROM added
    UNION ALL
    SELECT namespace, -skep.kv_cost(key, metadata, size) FROM removed
  ) changes GROUP BY namespace HAVING sum(cost) <> 0;
  RETURN NULL;
END
$$;
CREATE TRIGGER count_added AFTER INSERT ON skep.kv_entries REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION skep.kv_count_added();
CREATE TRIGGER count_removed AFTER DELETE ON skep.kv_entries REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION skep.kv_count_removed();
CREATE TRIGGER count_replaced AFTER UPDATE ON skep.kv_entries REFERENCING OLD TABLE AS removed NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION skep.kv_count_replaced();

INSERT INTO skep.kv_usage SELECT namespace, count(*), sum(skep.kv_cost(key, metadata, size)) FROM skep.kv_entries GROUP BY namespace;
