/** Which statements' answers may be given to somebody else for a while: plain reading, with nothing in it that is another thing each time. */

const READS = /^\s*(?:select|with)\b/i;
/** Writing, locking, the session, the clock, chance, sequences, the server itself. Found in texts and names, too: that costs a cached answer, no more. */
const REFUSED = new RegExp(
  `\\b(?:${[
    'insert|update|delete|merge|truncate|into|lock|call|copy|notify|listen',
    'for\\s+(?:no|key|share)',
    'now|current_\\w+|localtime\\w*|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|age|session_user|user',
    'random\\w*|setseed|gen_random_uuid|uuid\\w*',
    'nextval|setval|currval|lastval|set_config|txid_\\w+|pg_\\w+|lo_\\w+|inet_\\w+|dblink\\w*|version',
  ].join('|')})\\b`,
  'i',
);
const SEVERAL = /;\s*\S/;

/** As Cloudflare decides it: by the text alone. A function of the user's own that writes or tells the time is not known to be one. */
export const isCacheable = (sql: string): boolean => READS.test(sql) && !REFUSED.test(sql) && !SEVERAL.test(sql);
