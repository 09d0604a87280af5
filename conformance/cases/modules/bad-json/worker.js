import j from "./j.json";
export default { fetch: () => Response.json(j) };
