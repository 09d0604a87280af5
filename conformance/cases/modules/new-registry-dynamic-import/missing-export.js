import { nope } from "./ok.js";
