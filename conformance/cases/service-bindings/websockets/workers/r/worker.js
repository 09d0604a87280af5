import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { give() { return new WebSocketPair()[0]; } }
