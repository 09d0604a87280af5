import out from "./outer.cjs";
export default { fetch: () => Response.json(out) };
