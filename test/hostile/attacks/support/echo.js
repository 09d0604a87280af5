// An entrypoint that tells what arrives at it.
import { WorkerEntrypoint } from 'cloudflare:workers';

export class Echo extends WorkerEntrypoint {
  fetch(request) {
    return Response.json(Object.fromEntries(request.headers));
  }

  async loop(depth) {
    return await this.ctx.exports.Echo.loop(depth + 1);
  }

  echo(value) {
    return value;
  }

  call(callback, ...given) {
    return callback(...given);
  }

  describe(value) {
    return `${typeof value} ${Object.prototype.toString.call(value)}`;
  }
}
