import * as all from "./all.js";
import { renamed, default as d } from "./all.js";
export default { fetch: () => Response.json({ keys: Object.keys(all), renamed, d, conflict: typeof all.conflict, only: [all.one, all.two] }) };
