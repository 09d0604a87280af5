import j from "./j.json" with { type: "json" };
export default { fetch: () => Response.json(j) };
