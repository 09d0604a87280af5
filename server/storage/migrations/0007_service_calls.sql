-- Calls between workers by minute, as the processes of the platform counted them.
CREATE TABLE skep.service_calls (
  -- No foreign key: what is counted must not fail for an account that was deleted meanwhile. Rows go with their time.
  account_id text NOT NULL,
  caller text COLLATE "C" NOT NULL,
  callee text COLLATE "C" NOT NULL,
  -- Minutes since 1970.
  minute integer NOT NULL,
  -- One process from its start to its end. Its rows hold what it has counted so far: to write them twice changes nothing.
  writer text NOT NULL,
  calls bigint NOT NULL,
  errors bigint NOT NULL,
  total_ms double precision NOT NULL,
  longest_ms double precision NOT NULL,
  PRIMARY KEY (account_id, caller, callee, minute, writer)
);
CREATE INDEX service_calls_callee ON skep.service_calls (account_id, callee, minute);
CREATE INDEX service_calls_minute ON skep.service_calls (minute);
