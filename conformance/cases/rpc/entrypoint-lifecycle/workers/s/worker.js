import { WorkerEntrypoint } from "cloudflare:workers";
let count = 0;
export default class Main extends WorkerEntrypoint {
  constructor(ctx, env) {
    super(ctx, env);
    this.id = ++count;
  }
  fetch(request) {
    return new Response("fetch " + new URL(request.url).pathname + " " + request.method);
  }
  async scheduled(c) {
    return "scheduled " + typeof c;
  }
  async tail() {
    return "tail";
  }
  async queue() {
    return "queue";
  }
  async test() {
    return "test";
  }
  connect() {
    return "connect";
  }
  alarm() {
    return "alarm";
  }
  dup() {
    return "dup";
  }
  name() {
    return "name";
  }
  then() {
    return "then";
  }
  which() {
    return [typeof this.id, this instanceof Main, Object.keys(this).sort()];
  }
  webSocketMessage() {
    return "wsm";
  }
  toJSON() {
    return "json";
  }
  _under() {
    return "under";
  }
  $dollar() {
    return "dollar";
  }
  get() {
    return "get";
  }
}
export const plain = {
  fetch(request, env, ctx) {
    return new Response("plain " + typeof env + typeof ctx + JSON.stringify(ctx.props));
  },
  method(a, env, ctx) {
    return ["plain method", a, typeof env, typeof ctx];
  },
  two(a, b) {
    return [a, b];
  },
  value: 5,
};
