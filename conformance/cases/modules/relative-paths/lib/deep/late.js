import { a } from "../a.js";
export default "late " + a;
