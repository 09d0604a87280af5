import { WorkerEntrypoint } from "cloudflare:workers";

class Custom extends RangeError {
  name = "Custom";
  code = 5;
  flag = null;
  skipped = undefined;
}
class Unnamed extends Error {}

function fail(kind) {
  if (kind === "custom") throw new Custom("mine");
  if (kind === "unnamed") throw new Unnamed("bare");
  if (kind === "text") throw "only text";
  if (kind === "undefined") throw undefined;
  if (kind === "dom") throw new DOMException("gone", "AbortError");
  throw new globalThis[kind](`a ${kind}`);
}

export class Ent extends WorkerEntrypoint {
  fetch(request) {
    fail(new URL(request.url).pathname.slice(1));
  }
  fail(kind) {
    fail(kind);
  }
}

export default {
  async fetch(request) {
    fail(new URL(request.url).pathname.slice(1));
  },
};
