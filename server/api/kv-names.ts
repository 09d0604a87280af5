/** The form of a KV namespace's id. */
export const KV_NAMESPACE_ID = /^[0-9a-f]{32}$/;
